/* Fingerprints of hellos: JA3 and JA3S (salesforce/ja3, BSD licence), JA4 (FoxIO-LLC/ja4: JA4 TLS
 * client fingerprinting, BSD 3-clause licence; the other methods of JA4+ are licensed otherwise and
 * are not here). */
#ifndef ATLS_EXPLAIN_FINGERPRINT_H
#define ATLS_EXPLAIN_FINGERPRINT_H

#include "explain/hello.h"

#define ATLS_JA3_TEXT 33u /* 32 hexadecimal digits and NUL */
#define ATLS_JA4_TEXT 37u /* t13d1516h2_8daaf6152771_b186095e22b6 and NUL */

/* The MD5 of a ClientHello's numbers; of a ServerHello's, that is JA3S. Empty text if the hello is
 * broken. */
void atls_ja3(const struct atls_hello *hello, char text[ATLS_JA3_TEXT]);

/* The text that atls_ja3() digests, cut to cap with its NUL. Returns its length. */
size_t atls_ja3_text(const struct atls_hello *hello, char *text, size_t cap);

/* JA4 of a ClientHello over TCP. Empty text if it is broken, or a server's. */
void atls_ja4(const struct atls_hello *hello, char text[ATLS_JA4_TEXT]);

#endif
