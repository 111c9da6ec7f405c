/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From LIO's unit serial to the name of a logical unit.  Pure, any thread.
 */
#ifndef TCMU_WWN_H
#define TCMU_WWN_H

#include <stdbool.h>
#include <stdint.h>

#define WWN_NAA_LEN 16

/*
 * The NAA 6h designator as LIO makes it for its own backstores: 6, the company
 * 001405h, then the first 25 hexadecimal digits of the serial, whatever stands
 * between them, and zeros.  False when the serial has no such digit.
 */
bool wwn_naa(const char *serial, uint8_t ret[WWN_NAA_LEN]);

#define WWN_STAND_IN_LEN 16
/* A serial for who has none, from the path: hexadecimal digits, the same each time. */
void wwn_stand_in(const char *path, char ret[WWN_STAND_IN_LEN + 1]);

#endif
