/*
 * OpenSSL with a pre-shared key and X25519, both ends in this process, for
 * comparison.
 *
 *   opensslpsk handshakes OVER 1.3|1.2 N    external key and psk_dhe_ke, or ECDHE_PSK
 *   opensslpsk bulk OVER CIPHER FORM BYTES  in TLS 1.2, from the client to the server
 *   opensslpsk send PORT CIPHER FORM BYTES  the same, to a server on 127.0.0.1
 *   opensslpsk version
 *
 * OVER is memory (in one thread over memory BIOs) or tcp (over loopback TCP, the
 * server in a thread of its own), FORM is etm (encrypt-then-MAC) or mte.
 *
 * It prints the nanoseconds on the wall and on the processor that it took, after
 * some handshakes to warm up, or after the handshake. No tickets are sent.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "opensslpsk.h"

static const char identity[] = "alice";
static unsigned char key[32];
static const unsigned char suite[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256 */
static const char cipher12[] = "ECDHE-PSK-AES128-CBC-SHA256";

void die(const char *what)
{
    fprintf(stderr, "opensslpsk: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

struct clocks now(void)
{
    struct timespec t;
    struct rusage u;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &u);
    struct clocks c = {t.tv_sec * 1000000000LL + t.tv_nsec,
                       (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL};
    return c;
}

void print_since(struct clocks start)
{
    struct clocks end = now();
    printf("%lld %lld\n", end.wall - start.wall, end.cpu - start.cpu);
}

static SSL_SESSION *session(SSL *ssl)
{
    SSL_SESSION *s = SSL_SESSION_new();
    if (s == NULL || !SSL_SESSION_set1_master_key(s, key, sizeof key) ||
        !SSL_SESSION_set_cipher(s, SSL_CIPHER_find(ssl, suite)) ||
        !SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION))
        die("cannot make a session of the key");
    return s;
}

static int use(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *len, SSL_SESSION **s)
{
    (void)md;
    *id = (const unsigned char *)identity;
    *len = strlen(identity);
    *s = session(ssl);
    return 1;
}

static int find(SSL *ssl, const unsigned char *id, size_t len, SSL_SESSION **s)
{
    *s = NULL;
    if (len == strlen(identity) && memcmp(id, identity, len) == 0)
        *s = session(ssl);
    return 1;
}

static unsigned int use12(SSL *ssl, const char *hint, char *id, unsigned int room, unsigned char *psk, unsigned int psk_room)
{
    (void)ssl, (void)hint;
    if (room < sizeof identity || psk_room < sizeof key)
        return 0;
    memcpy(id, identity, sizeof identity);
    memcpy(psk, key, sizeof key);
    return sizeof key;
}

static unsigned int find12(SSL *ssl, const char *id, unsigned char *psk, unsigned int room)
{
    (void)ssl;
    if (strcmp(id, identity) != 0 || room < sizeof key)
        return 0;
    memcpy(psk, key, sizeof key);
    return sizeof key;
}

SSL_CTX *context(const SSL_METHOD *method, const char *cipher)
{
    int version = cipher == NULL ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX *ctx = SSL_CTX_new(method);
    memset(key, 0x5a, sizeof key);
    if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, version) || !SSL_CTX_set_max_proto_version(ctx, version) ||
        !SSL_CTX_set1_groups_list(ctx, "X25519"))
        die("cannot set up");
    if (cipher == NULL) {
        if (!SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256"))
            die("cannot set up TLS 1.3");
        SSL_CTX_set_psk_use_session_callback(ctx, use);
        SSL_CTX_set_psk_find_session_callback(ctx, find);
    } else {
        if (!SSL_CTX_set_cipher_list(ctx, cipher))
            die("does not have this cipher");
        SSL_CTX_set_psk_client_callback(ctx, use12);
        SSL_CTX_set_psk_server_callback(ctx, find12);
    }
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static SSL_CTX *client_ctx, *server_ctx;

static void check(SSL *ssl, int ret)
{
    int e = SSL_get_error(ssl, ret);
    if (ret != 1 && e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
        die("a handshake failed");
}

/* In TLS 1.2 the cipher has told already that the key was used. */
static void check_key(SSL *client)
{
    if (SSL_version(client) == TLS1_3_VERSION && !SSL_session_reused(client))
        die("the key was not used");
}

void connect_in_memory(SSL_CTX *cctx, SSL_CTX *sctx, SSL **client, SSL **server)
{
    SSL *c = SSL_new(cctx), *s = SSL_new(sctx);
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    if (c == NULL || s == NULL || up == NULL || down == NULL)
        die("out of memory");
    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(c, down, up);
    SSL_set_bio(s, up, down);
    int cdone = 0, sdone = 0;
    for (int turn = 0; !(cdone && sdone); turn++) {
        if (turn == 10)
            die("a handshake does not end");
        if (!cdone) {
            int ret = SSL_connect(c);
            check(c, ret);
            cdone = ret == 1;
        }
        if (!sdone) {
            int ret = SSL_accept(s);
            check(s, ret);
            sdone = ret == 1;
        }
    }
    check_key(c);
    *client = c;
    *server = s;
}

int listen_on_loopback(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof *address;
    memset(address, 0, len);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0)
        die("cannot listen");
    return fd;
}

static void no_delay(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int connect_to(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)address, sizeof *address) != 0)
        die("connect failed");
    no_delay(fd);
    return fd;
}

int accept_from(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        die("accept failed");
    no_delay(fd);
    return fd;
}

static int listener;
static struct sockaddr_in address;
static int told[2]; /* the server tells that it is done: the client's reset must not overtake it */

static void *serve(void *arg)
{
    for (long n = *(long *)arg; n > 0; n--) {
        int fd = accept_from(listener);
        SSL *s = SSL_new(server_ctx);
        SSL_set_fd(s, fd);
        if (SSL_accept(s) != 1)
            die("a handshake failed");
        SSL_free(s);
        if (write(told[1], "d", 1) != 1)
            die("write failed");
        close(fd);
    }
    return NULL;
}

static void over_tcp(void)
{
    int fd = connect_to(&address);
    struct linger linger = {1, 0};
    char done;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    SSL *c = SSL_new(client_ctx);
    SSL_set_fd(c, fd);
    if (SSL_connect(c) != 1)
        die("a handshake failed");
    check_key(c);
    if (read(told[0], &done, 1) != 1)
        die("read failed");
    SSL_free(c);
    close(fd);
}

static void handshakes(int tcp, const char *cipher, long n)
{
    long warm = 20, all = warm + n;
    client_ctx = context(TLS_client_method(), cipher);
    server_ctx = context(TLS_server_method(), cipher);
    pthread_t server;
    if (tcp) {
        listener = listen_on_loopback(&address);
        if (pipe(told) != 0 || pthread_create(&server, NULL, serve, &all) != 0)
            die("cannot start a server");
    }
    struct clocks start;
    for (long i = 0; i < all; i++) {
        if (i == warm)
            start = now();
        if (tcp) {
            over_tcp();
        } else {
            SSL *c, *s;
            connect_in_memory(client_ctx, server_ctx, &c, &s);
            SSL_free(c);
            SSL_free(s);
        }
    }
    print_since(start);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int tcp = argc > 2 && strcmp(argv[2], "tcp") == 0;
    if (argc == 2 && strcmp(what, "version") == 0)
        puts(OpenSSL_version(OPENSSL_VERSION));
    else if (argc == 5 && strcmp(what, "handshakes") == 0)
        handshakes(tcp, strcmp(argv[3], "1.2") == 0 ? cipher12 : NULL, atol(argv[4]));
    else if (argc == 6 && strcmp(what, "bulk") == 0)
        bulk(tcp, argv[3], strcmp(argv[4], "etm") == 0, atol(argv[5]));
    else if (argc == 6 && strcmp(what, "send") == 0)
        send_to(atoi(argv[2]), argv[3], strcmp(argv[4], "etm") == 0, atol(argv[5]));
    else
        die("usage: see the beginning of opensslpsk.c");
    return 0;
}
