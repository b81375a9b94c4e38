/* A library that is no plug-in. */
int fewstep_test_number(void) { return 7; }
