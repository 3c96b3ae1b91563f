export const EXIT_FAILED = 1
/** Wrong command line: unknown command, unknown flag, missing value. */
export const EXIT_USAGE = 2
/** The configuration is wrong (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78
