redo-ifchange lua.o liblua.a
gcc -std=gnu99 -o "$3" lua.o liblua.a -lm -Wl,-E -ldl
