/* What the input forms hold in memory, all in one place: the sum stays below 16 MiB whatever comes,
 * and however much of it. */
#ifndef ATLS_DUMP_LIMITS_H
#define ATLS_DUMP_LIMITS_H

#define INPUT_READ (256u << 10) /* bytes asked for at once */
#define INPUT_HEAD (8u << 10)   /* of a file, by which its form is told */

#define HTTP_HEAD_MAX (64u << 10) /* start line and fields */
#define HTTP_BODY_MAX (2u << 20)  /* of a message, also unzipped; what is beyond is left out */
#define HTTP_HELD_MAX (64u << 10) /* of a first request, which waits for its answer to be named */
#define HTTP_PENDING  64u         /* requests of a connection without an answer */

#define JSON_OBJECT_MAX (3u << 20) /* a body in base64 */
#define HAR_ENTRY_MAX   (3u << 20)
#define FLOW_MAX        (4u << 20) /* of one mitmproxy flow; what is beyond is left out */
#define LINE_MAX_BYTES  4096u      /* a line of a trace, a hex dump or an index */

#define TCP_CONNECTIONS 1024u      /* followed at once; the longest silent one gives way */
#define TCP_HELD_MAX    (1u << 20) /* bytes of a direction that wait for a gap to be filled */
#define TCP_HELD_COUNT  1024u      /* and the segments that they are in */
#define TCP_LATE_US     100000     /* so long after its ACK a segment may still be captured */
#define TCP_MEMORY      (6u << 20) /* of all connections together */

#define HEX_REPEAT_MAX (16u << 20) /* bytes that all "*" of a hex dump may stand for */

#endif
