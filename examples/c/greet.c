#include "greet.h"
#include "settings.h"
#include <stdio.h>

void greet(const char *name) { printf("%s, %s\n", GREETING, name); }
