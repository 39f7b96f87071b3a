/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of aarch64 that are looked for, or written. */
#ifndef KERNEL_CODE_AARCH64_H
#define KERNEL_CODE_AARCH64_H

#define CODE_SVC     0xd4000001u /* svc #0 */
#define CODE_BTI_C   0xd503245fu /* bti c */
#define CODE_BTI_JC  0xd50324dfu /* bti jc */
#define CODE_PACIASP 0xd503233fu /* a landing place as bti c is */
#define CODE_RET     0xd65f03c0u

/* mov (w|x)8, #n: movz with a 16-bit immediate. */
#define CODE_MOV_8(n)	 (0xd2800008u | (uint32_t)(n) << 5)
#define CODE_MOV_8_MASK	 0x7fe0001fu /* without the width and the number */
#define CODE_IS_MOV_8(c) (((c)&CODE_MOV_8_MASK) == (CODE_MOV_8(0) & CODE_MOV_8_MASK))
#define CODE_MOV_8_N(c)	 ((c) >> 5 & 0xffff)

#endif
