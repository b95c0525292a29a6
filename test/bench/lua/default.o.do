# Compiles one file. The compiler tells which headers it read; they are asked for after the fact, as it is too late to build one.
redo-ifchange "$2.c"
gcc -std=gnu99 -O2 -Wall -Wextra -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -MMD -MF "$3.d" -c -o "$3" "$2.c"
read headers <"$3.d" # without -r, so that a backslash joins the lines
rm "$3.d"
redo-ifchange ${headers#*:}
