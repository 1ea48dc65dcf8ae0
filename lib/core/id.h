/* Names that nobody can guess: of sessions, in cookies, in json and in ATLS-Stream. */
#ifndef ATLS_CORE_ID_H
#define ATLS_CORE_ID_H

#define ATLS_ID_BYTES 16u /* random bytes in an id */
#define ATLS_ID_TEXT  23u /* base64url with its NUL */

/* 0 or ATLS_E_MEMORY, when there is no randomness to be had. */
int atls_id_make(char text[ATLS_ID_TEXT]);

#endif
