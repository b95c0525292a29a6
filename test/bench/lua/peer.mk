# The same build for make, with the compiler's own list of headers (Lua's Makefile has one written by hand).
MAKEFLAGS += -rR
CFLAGS = -std=gnu99 -O2 -Wall -Wextra -DLUA_COMPAT_5_3 -DLUA_USE_LINUX
OBJECTS = lapi.o lcode.o lctype.o ldebug.o ldo.o ldump.o lfunc.o lgc.o llex.o lmem.o lobject.o lopcodes.o lparser.o lstate.o \
  lstring.o ltable.o ltm.o lundump.o lvm.o lzio.o lauxlib.o lbaselib.o lcorolib.o ldblib.o liolib.o lmathlib.o loadlib.o \
  loslib.o lstrlib.o ltablib.o lutf8lib.o linit.o

.PHONY: all
all: lua luac

%.o: %.c
	gcc $(CFLAGS) -MMD -MP -c -o $@ $<

liblua.a: $(OBJECTS)
	rm -f $@ && ar rcD $@ $(OBJECTS)

lua: lua.o liblua.a
	gcc -std=gnu99 -o $@ lua.o liblua.a -lm -Wl,-E -ldl

luac: luac.o liblua.a
	gcc -std=gnu99 -o $@ luac.o liblua.a -lm -Wl,-E -ldl

-include $(OBJECTS:.o=.d) lua.d luac.d
