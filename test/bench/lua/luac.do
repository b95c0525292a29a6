redo-ifchange luac.o liblua.a
gcc -std=gnu99 -o "$3" luac.o liblua.a -lm -Wl,-E -ldl
