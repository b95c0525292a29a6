#include "greet.h"
#include "version.h"

int main(void) {
  greet("this is version " VERSION);
  return 0;
}
