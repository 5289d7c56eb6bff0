/* An echo server and its client with a shared key, on wolfSSL (TLS 1.3, 1.2).
 *
 * cc -o psk psk.c -lwolfssl
 * psk server|client PORT IDENTITY KEYFILE [tls13|tls12] [SUITE|-] [no-ems] [psk_ke]
 *
 * KEYFILE holds the key in hex. SUITE is wolfSSL's name for one suite; the key
 * belongs to TLS13-AES128-GCM-SHA256 in TLS 1.3. The server takes any port for
 * 0, says which, and serves until it is killed. The client sends its standard
 * input, and prints what comes back. */

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char key[512];
static unsigned key_len;
static const char *identity;

static unsigned client_key(WOLFSSL *s, const char *hint, char *id, unsigned id_max, unsigned char *k, unsigned max)
{
	(void) s, (void) hint;
	if (strlen(identity) >= id_max || key_len > max)
		return 0;
	strcpy(id, identity);
	memcpy(k, key, key_len);
	return key_len;
}

static unsigned server_key(WOLFSSL *s, const char *id, unsigned char *k, unsigned max)
{
	(void) s;
	if (strcmp(id, identity) || key_len > max)
		return 0;
	memcpy(k, key, key_len);
	return key_len;
}

/* In TLS 1.3 the callback also says which suite the key belongs to. */
static unsigned client_key13(WOLFSSL *s, const char *hint, char *id, unsigned id_max, unsigned char *k, unsigned max, const char **suite)
{
	*suite = "TLS13-AES128-GCM-SHA256";
	return client_key(s, hint, id, id_max, k, max);
}

static unsigned server_key13(WOLFSSL *s, const char *id, unsigned char *k, unsigned max, const char **suite)
{
	*suite = "TLS13-AES128-GCM-SHA256";
	return server_key(s, id, k, max);
}

/* Sends back whatever comes, until the other end's close_notify. */
static int echo(WOLFSSL *s)
{
	char b[16384];
	int n;

	while ((n = wolfSSL_read(s, b, sizeof b)) > 0)
		if (wolfSSL_write(s, b, n) != n)
			break;
	return n;
}

/* Sends standard input and prints what comes back for it, piece by piece. Then
 * ends its own stream, and waits for the end of the other. */
static int ask(WOLFSSL *s)
{
	char b[16384];
	int sent, got, n;

	while ((sent = (int) fread(b, 1, sizeof b, stdin)) > 0) {
		if ((n = wolfSSL_write(s, b, sent)) != sent)
			return n;
		for (got = 0; got < sent; got += n) {
			if ((n = wolfSSL_read(s, b, sizeof b)) <= 0)
				return n;
			fwrite(b, 1, (size_t) n, stdout);
		}
	}
	wolfSSL_shutdown(s);
	return wolfSSL_read(s, b, sizeof b);
}

static int talk(WOLFSSL_CTX *ctx, int fd, int server)
{
	WOLFSSL *s = wolfSSL_new(ctx);
	int n;

	wolfSSL_set_fd(s, fd);
	n = server ? wolfSSL_accept(s) : wolfSSL_connect(s);
	if (n == WOLFSSL_SUCCESS) {
		fprintf(stderr, "secure %s %s\n", wolfSSL_get_version(s), wolfSSL_get_cipher_name(s));
		n = server ? echo(s) : ask(s);
	}
	if (n == 0 && wolfSSL_get_error(s, n) == WOLFSSL_ERROR_ZERO_RETURN) {
		wolfSSL_shutdown(s);
		fprintf(stderr, "end\n");
	} else {
		n = wolfSSL_get_error(s, n);
		fprintf(stderr, "error connection: %d %s\n", n, wolfSSL_ERR_reason_error_string((unsigned long) n));
	}
	wolfSSL_free(s);
	close(fd);
	return n;
}

int main(int argc, char **argv)
{
	int server = argc > 1 && !strcmp(argv[1], "server"), old = argc > 5 && !strcmp(argv[5], "tls12");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	FILE *f;

	if (argc < 5 || (f = fopen(argv[4], "r")) == NULL)
		return 2;
	for (unsigned byte; key_len < sizeof key && fscanf(f, "%2x", &byte) == 1;)
		key[key_len++] = (unsigned char) byte;
	identity = argv[3];
	a.sin_port = htons((unsigned short) atoi(argv[2]));
	wolfSSL_Init();
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(server ? (old ? wolfTLSv1_2_server_method() : wolfTLSv1_3_server_method())
	                                          : (old ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method()));
	wolfSSL_CTX_set_psk_client_callback(ctx, client_key);
	wolfSSL_CTX_set_psk_client_tls13_callback(ctx, client_key13);
	wolfSSL_CTX_set_psk_server_callback(ctx, server_key);
	wolfSSL_CTX_set_psk_server_tls13_callback(ctx, server_key13);
	if (argc > 6 && strcmp(argv[6], "-") && wolfSSL_CTX_set_cipher_list(ctx, argv[6]) != WOLFSSL_SUCCESS)
		return 2;
	for (int i = 7; i < argc; i++) {
		if (!strcmp(argv[i], "no-ems"))
			wolfSSL_CTX_DisableExtendedMasterSecret(ctx);
		if (!strcmp(argv[i], "psk_ke"))
			wolfSSL_CTX_no_dhe_psk(ctx);
	}
	if (!server)
		return connect(fd, (struct sockaddr *) &a, sizeof a) || talk(ctx, fd, 0);
	if (bind(fd, (struct sockaddr *) &a, sizeof a) || listen(fd, 8) || getsockname(fd, (struct sockaddr *) &a, &len))
		return 1;
	fprintf(stderr, "listening %d\n", ntohs(a.sin_port));
	for (;;)
		talk(ctx, accept(fd, NULL, NULL), 1);
}
