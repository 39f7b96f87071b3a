/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the image format that the messages' schema does not say. */
#ifndef IMAGE_CONSTANTS_H
#define IMAGE_CONSTANTS_H

/* vma_entry.status */
#define VMA_AREA_NONE	  0u
#define VMA_AREA_REGULAR  (1u << 0)
#define VMA_AREA_STACK	  (1u << 1)
#define VMA_AREA_VSYSCALL (1u << 2)
#define VMA_AREA_VDSO	  (1u << 3)
#define VMA_AREA_HEAP	  (1u << 5)
#define VMA_FILE_PRIVATE  (1u << 6)
#define VMA_FILE_SHARED	  (1u << 7)
#define VMA_ANON_SHARED	  (1u << 8)
#define VMA_ANON_PRIVATE  (1u << 9)
#define VMA_AREA_SYSVIPC  (1u << 10)
#define VMA_AREA_SOCKET	  (1u << 11)
#define VMA_AREA_VVAR	  (1u << 12)
#define VMA_AREA_AIORING  (1u << 13)
#define VMA_AREA_MEMFD	  (1u << 14)
#define VMA_AREA_SHSTK	  (1u << 15)
#define VMA_AREA_GUARD	  (1u << 16)
#define VMA_AREA_UPROBES  (1u << 17)
#define VMA_AREA_SECRET	  (1u << 25) /* ours, as the next: CRIU knows no such areas */
#define VMA_AREA_URING	  (1u << 26)
#define VMA_EXT_PLUGIN	  (1u << 27)

/* pagemap_entry.flags */
#define PE_PARENT  (1u << 0)
#define PE_LAZY	   (1u << 1)
#define PE_PRESENT (1u << 2)

/* task_core_entry.task_state */
#define TASK_STATE_ALIVE   1u
#define TASK_STATE_DEAD	   2u
#define TASK_STATE_STOPPED 3u

/* inventory_entry.img_version */
#define IMAGE_VERSION_V1_1 2u

#endif
