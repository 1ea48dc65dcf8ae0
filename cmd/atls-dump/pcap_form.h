/* pcap and pcapng, read by libpcap. */
#ifndef ATLS_DUMP_PCAP_FORM_H
#define ATLS_DUMP_PCAP_FORM_H

#include "piece.h"
#include "source.h"

/* Reads a capture to its end. 0, ATLS_E_MEMORY or what the sink returned. What libpcap cannot read
 * is malformed, and ends it. */
int pcap_form_read(struct source *source, const struct piece_sink *sink);

#endif
