// For programs with a main() of their own: the shared SystemC library refers to sc_main from the
// main() that it brings for others. This one only satisfies the linker.
#include <systemc>

int sc_main(int, char**) { return 1; }
