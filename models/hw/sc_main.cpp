// The shared SystemC library has a main() that calls this. Programs with a main() of their own
// start the kernel with sc_start(), so it is never reached: it only satisfies the linker. A program
// with an sc_main() of its own never takes this one from the archive. Without <systemc>, which
// would need the library: a program that is linked to it for its modules alone need not load it.

extern "C" int sc_main(int, char**);
extern "C" int sc_main(int, char**) { return 1; }
