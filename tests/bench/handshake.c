/*
 * A bare GnuTLS handshake, to compare with: handshake PORT NAME CAFILE. It verifies the chain by
 * the anchors of the file, as every client must.
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((unsigned short)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t tls;
	int fd = argc == 4 ? dial(argv[1]) : -1;

	if (fd < 0 || gnutls_certificate_allocate_credentials(&credentials) < 0 ||
		gnutls_certificate_set_x509_trust_file(credentials, argv[3], GNUTLS_X509_FMT_PEM) <
			1 ||
		gnutls_init(&tls, GNUTLS_CLIENT) < 0) {
		fprintf(stderr, "usage: handshake PORT NAME CAFILE\n");
		return 2;
	}
	gnutls_set_default_priority(tls);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_server_name_set(tls, GNUTLS_NAME_DNS, argv[2], strlen(argv[2]));
	gnutls_session_set_verify_cert(tls, argv[2], 0);
	gnutls_transport_set_int(tls, fd);
	int rc = gnutls_handshake(tls);
	gnutls_bye(tls, GNUTLS_SHUT_WR);
	gnutls_deinit(tls);
	gnutls_certificate_free_credentials(credentials);
	close(fd);
	return rc < 0;
}
