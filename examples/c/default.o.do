# An object file. Which headers it depends on the compiler says, while it compiles.
redo-ifchange "$2.c" version.h
cc -Idefaults -MMD -MT object -MF "$3.d" -c -o "$3" "$2.c"

# `object: main.c greet.h \` and so on, to one name a line; no name here has a space.
headers=$(sed -e 's/^object://' -e 's/\\$//' "$3.d" | tr -s ' ' '\n' | sed '/^$/d')
rm "$3.d"
redo-ifchange $headers

# A header from defaults/ would be hidden by one of the same name here: its coming matters as much as a change.
for header in $headers; do
  case $header in
    defaults/*) redo-ifcreate "${header#defaults/}" ;;
  esac
done
