redo-ifchange main.o greet.o
cc -o "$3" main.o greet.o
