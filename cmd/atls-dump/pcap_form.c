#include "pcap_form.h"
#include "clock.h"
#include "connection.h"
#include "form.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

/* The file as libpcap sees it. Its stream has this buffer, so that the bytes in front of a place
 * are still there: a pcapng block ends in its length. */
struct file {
	struct source *source;
	FILE *stream;
	uint64_t offset; /* of what the stream reads next */
	size_t len;      /* what it read last into the buffer */
	char buffer[INPUT_READ];
};

struct reader {
	struct file *file;
	bool next_generation; /* pcapng */
	pcap_t *pcap;
	const struct piece_sink *sink;
	struct connections *connections;
};

static ssize_t read_file(void *ctx, char *to, size_t len)
{
	struct file *file = ctx;
	size_t got = source_read(file->source, to, len);
	file->offset += got;
	file->len = to == file->buffer ? got : 0;
	return (ssize_t)got;
}

/* Tells where the stream is, for ftello(); it goes nowhere else. */
static int seek_file(void *ctx, off64_t *offset, int whence)
{
	const struct file *file = ctx;
	if (whence != SEEK_CUR || *offset != 0)
		return -1;
	*offset = (off64_t)file->offset;
	return 0;
}

static pcap_t *open_pcap(struct file *file, char *error)
{
	const cookie_io_functions_t functions = {.read = read_file, .seek = seek_file};
	FILE *stream = fopencookie(file, "rb", functions);
	if (!stream) {
		snprintf(error, PCAP_ERRBUF_SIZE, "%s", strerror(errno));
		return NULL;
	}
	setvbuf(stream, file->buffer, _IOFBF, sizeof file->buffer);
	__fsetlocking(stream, FSETLOCKING_BYCALLER); /* there is no other thread */
	file->stream = stream;
	pcap_t *pcap = pcap_fopen_offline(stream, error);
	if (!pcap)
		fclose(stream);
	return pcap;
}

/* The bytes in front of end, where they are in the buffer; else null. */
static const uint8_t *in_front_of(const struct file *file, uint64_t end, size_t len)
{
	uint64_t behind = file->offset - end;
	if (end > file->offset || behind + len > file->len)
		return NULL;
	return (const uint8_t *)file->buffer + file->len - behind - len;
}

/* Where the packet stands that was just read. */
static uint64_t packet_offset(const struct reader *reader, size_t len)
{
	off_t place = ftello(reader->file->stream);
	uint64_t end = place < 0 ? reader->file->offset : (uint64_t)place;
	if (!reader->next_generation)
		return end - len;
	const uint8_t *last = in_front_of(reader->file, end, 4);
	if (!last)
		return end;
	uint32_t little = (uint32_t)last[3] << 24 | (uint32_t)last[2] << 16 |
			  (uint32_t)last[1] << 8 | last[0];
	uint32_t size = little < __builtin_bswap32(little) ? little : __builtin_bswap32(little);
	return size <= end ? end - size + 28 : end;
}

static int take_packet(
	struct reader *reader, const struct pcap_pkthdr *header, const uint8_t *bytes)
{
	struct packet packet;
	uint64_t offset = packet_offset(reader, header->caplen);
	int64_t time_us = clock_from_parts(header->ts.tv_sec, header->ts.tv_usec);
	switch (packet_read(pcap_datalink(reader->pcap), bytes, header->caplen, &packet)) {
	case PACKET_TCP:
		offset += (uint64_t)(packet.payload - bytes);
		return connections_take(reader->connections, &packet, offset, time_us);
	case PACKET_FRAGMENT:
		sink_malformed(reader->sink, offset, "a whole IP packet", "a fragment of one");
		return ATLS_OK;
	case PACKET_SHORT:
		sink_malformed(reader->sink, offset, "the headers of a packet", "%u bytes of %u",
			header->caplen, header->len);
		return ATLS_OK;
	case PACKET_WRONG:
		sink_malformed(
			reader->sink, offset, "an IP packet", "headers that contradict themselves");
		return ATLS_OK;
	default:
		return ATLS_OK;
	}
}

static int read_packets(struct reader *reader)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int rc = ATLS_OK, got = 1;
	while (!rc && (got = pcap_next_ex(reader->pcap, &header, &bytes)) == 1)
		rc = take_packet(reader, header, bytes);
	if (!rc && got != PCAP_ERROR_BREAK)
		sink_malformed(reader->sink, reader->file->offset, "the next packet", "%s",
			pcap_geterr(reader->pcap));
	return rc ? rc : connections_end(reader->connections);
}

int pcap_form_read(struct source *source, const struct piece_sink *sink)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	struct reader reader = {.file = calloc(1, sizeof(struct file)), .sink = sink};
	int rc = ATLS_OK;
	if (!reader.file)
		return ATLS_E_MEMORY;
	reader.file->source = source;
	reader.next_generation = source->head_len && source->head[0] == 0x0a;
	reader.pcap = open_pcap(reader.file, error);
	if (!reader.pcap) {
		sink_malformed(sink, 0, "a pcap or pcapng capture", "%s", error);
		free(reader.file);
		return ATLS_OK;
	}
	reader.connections = connections_new(sink);
	if (!reader.connections)
		rc = ATLS_E_MEMORY;
	else if (packet_link_known(pcap_datalink(reader.pcap)))
		rc = read_packets(&reader);
	else
		sink_malformed(sink, 0,
			"packets of Ethernet, Linux cooked mode, loopback or raw IP",
			"link type %d", pcap_datalink(reader.pcap));
	connections_free(reader.connections);
	pcap_close(reader.pcap);
	free(reader.file);
	return rc;
}
