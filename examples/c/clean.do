rm -f hello version.h *.o
