redo-ifchange objects
objects=$(cat objects)
redo-ifchange $objects
ar rcD "$3" $objects
