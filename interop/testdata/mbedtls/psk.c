/* An echo server and its client with a shared key, on mbed TLS 2.28 (TLS 1.2).
 *
 * cc -o psk psk.c -lmbedtls -lmbedx509 -lmbedcrypto
 * psk server|client PORT IDENTITY KEYFILE [SUITE|-] [no-etm] [no-ems]
 *
 * KEYFILE holds the key in hex. SUITE is mbed TLS's name for one suite. The
 * server takes any port for 0, says which, and serves until it is killed. The
 * client sends its standard input, and prints what comes back. */

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code)
{
	char text[200];

	mbedtls_strerror(code, text, sizeof text);
	fprintf(stderr, "error %s: -0x%04x %s\n", what, (unsigned) -code, text);
	return 1;
}

static size_t read_key(const char *name, unsigned char *key, size_t max)
{
	FILE *f = fopen(name, "r");
	size_t n = 0;

	for (unsigned byte; f && n < max && fscanf(f, "%2x", &byte) == 1;)
		key[n++] = (unsigned char) byte;
	return n;
}

static int write_all(mbedtls_ssl_context *ssl, const unsigned char *b, size_t n)
{
	int done = 0;

	for (; n > 0; b += done, n -= (size_t) done)
		if ((done = mbedtls_ssl_write(ssl, b, n)) <= 0)
			return done;
	return 1;
}

/* Sends back whatever comes, until the other end's close_notify. */
static int echo(mbedtls_ssl_context *ssl)
{
	unsigned char b[16384];
	int n;

	while ((n = mbedtls_ssl_read(ssl, b, sizeof b)) > 0)
		if ((n = write_all(ssl, b, (size_t) n)) <= 0)
			break;
	return n;
}

/* Sends standard input and prints what comes back for it, piece by piece. Then
 * ends its own stream, and prints what still comes. */
static int ask(mbedtls_ssl_context *ssl)
{
	unsigned char b[16384];
	size_t sent, got;
	int n;

	while ((sent = fread(b, 1, sizeof b, stdin)) > 0) {
		if ((n = write_all(ssl, b, sent)) <= 0)
			return n;
		for (got = 0; got < sent; got += (size_t) n) {
			if ((n = mbedtls_ssl_read(ssl, b, sizeof b)) <= 0)
				return n;
			fwrite(b, 1, (size_t) n, stdout);
		}
	}
	mbedtls_ssl_close_notify(ssl);
	while ((n = mbedtls_ssl_read(ssl, b, sizeof b)) > 0)
		fwrite(b, 1, (size_t) n, stdout);
	return n;
}

static int talk(mbedtls_ssl_config *conf, mbedtls_net_context *fd, int server)
{
	mbedtls_ssl_context ssl;
	int n;

	mbedtls_ssl_init(&ssl);
	mbedtls_ssl_setup(&ssl, conf);
	mbedtls_ssl_set_bio(&ssl, fd, mbedtls_net_send, mbedtls_net_recv, NULL);
	if ((n = mbedtls_ssl_handshake(&ssl)) == 0) {
		fprintf(stderr, "secure %s %s\n", mbedtls_ssl_get_version(&ssl), mbedtls_ssl_get_ciphersuite(&ssl));
		n = server ? echo(&ssl) : ask(&ssl);
	}
	if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
		mbedtls_ssl_close_notify(&ssl);
		fprintf(stderr, "end\n");
		n = 0;
	} else {
		n = fail("connection", n);
	}
	mbedtls_net_free(fd);
	mbedtls_ssl_free(&ssl);
	return n;
}

int main(int argc, char **argv)
{
	int server = argc > 1 && !strcmp(argv[1], "server"), suites[2] = {0, 0}, n;
	unsigned char key[MBEDTLS_PSK_MAX_LEN];
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context rng;
	mbedtls_ssl_config conf;
	mbedtls_net_context listener, fd;
	struct sockaddr_in a;
	socklen_t len = sizeof a;

	if (argc < 5)
		return 2;
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&rng);
	mbedtls_ctr_drbg_seed(&rng, mbedtls_entropy_func, &entropy, NULL, 0);
	mbedtls_ssl_config_init(&conf);
	mbedtls_ssl_config_defaults(&conf, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &rng);
	if ((n = mbedtls_ssl_conf_psk(&conf, key, read_key(argv[4], key, sizeof key), (unsigned char *) argv[3], strlen(argv[3]))) != 0)
		return fail("key", n);
	if (argc > 5 && (suites[0] = mbedtls_ssl_get_ciphersuite_id(argv[5])) != 0)
		mbedtls_ssl_conf_ciphersuites(&conf, suites);
	for (int i = 6; i < argc; i++) {
		if (!strcmp(argv[i], "no-etm"))
			mbedtls_ssl_conf_encrypt_then_mac(&conf, MBEDTLS_SSL_ETM_DISABLED);
		if (!strcmp(argv[i], "no-ems"))
			mbedtls_ssl_conf_extended_master_secret(&conf, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
	}
	mbedtls_net_init(&fd);
	if (!server)
		return (n = mbedtls_net_connect(&fd, "127.0.0.1", argv[2], MBEDTLS_NET_PROTO_TCP)) != 0 ? fail("connect", n) : talk(&conf, &fd, 0);
	if ((n = mbedtls_net_bind(&listener, "127.0.0.1", argv[2], MBEDTLS_NET_PROTO_TCP)) != 0)
		return fail("bind", n);
	getsockname(listener.fd, (struct sockaddr *) &a, &len);
	fprintf(stderr, "listening %d\n", ntohs(a.sin_port));
	while (mbedtls_net_accept(&listener, &fd, NULL, 0, NULL) == 0)
		talk(&conf, &fd, 1);
	return 1;
}
