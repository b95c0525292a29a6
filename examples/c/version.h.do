# A generated header. When version.txt changes but gives the same header, nothing is compiled.
redo-ifchange version.txt
read -r version <version.txt
printf '#define VERSION "%s"\n' "$version"
