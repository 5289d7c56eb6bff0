/*
 * OpenSSL's TLS 1.3 handshake with an external pre-shared key, psk_dhe_ke and
 * X25519, both ends in this process, for comparison.
 *
 *   opensslpsk memory N   in one thread over memory BIOs
 *   opensslpsk tcp N      over loopback TCP, the server in a thread of its own
 *   opensslpsk version
 *
 * It prints the nanoseconds on the wall and on the processor that N handshakes
 * took, after some to warm up. No tickets are sent.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char identity[] = "alice";
static unsigned char key[32];
static const unsigned char suite[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256 */

static void die(const char *what)
{
    fprintf(stderr, "opensslpsk: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
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

static SSL_CTX *context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") || !SSL_CTX_set1_groups_list(ctx, "X25519"))
        die("cannot set up");
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_psk_use_session_callback(ctx, use);
    SSL_CTX_set_psk_find_session_callback(ctx, find);
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

static void in_memory(void)
{
    SSL *c = SSL_new(client_ctx), *s = SSL_new(server_ctx);
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
    if (!SSL_session_reused(c))
        die("the key was not used");
    SSL_free(c);
    SSL_free(s);
}

static int listener;
static struct sockaddr_in address;
static int told[2]; /* the server tells that it is done: the client's reset must not overtake it */

static void *serve(void *arg)
{
    for (long n = *(long *)arg; n > 0; n--) {
        int fd = accept(listener, NULL, NULL), one = 1;
        if (fd < 0)
            die("accept failed");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
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
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct linger linger = {1, 0};
    char done;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect failed");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    SSL *c = SSL_new(client_ctx);
    SSL_set_fd(c, fd);
    if (SSL_connect(c) != 1 || !SSL_session_reused(c))
        die("a handshake failed");
    if (read(told[0], &done, 1) != 1)
        die("read failed");
    SSL_free(c);
    close(fd);
}

static long long wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts(OpenSSL_version(OPENSSL_VERSION));
        return 0;
    }
    if (argc != 3)
        die("usage: opensslpsk memory|tcp N");
    int tcp = strcmp(argv[1], "tcp") == 0;
    long warm = 20, n = atol(argv[2]), all = warm + n;
    memset(key, 0x5a, sizeof key);
    client_ctx = context(TLS_client_method());
    server_ctx = context(TLS_server_method());
    pthread_t server;
    if (tcp) {
        socklen_t len = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listener = socket(AF_INET, SOCK_STREAM, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 16) != 0 ||
            getsockname(listener, (struct sockaddr *)&address, &len) != 0 || pipe(told) != 0 ||
            pthread_create(&server, NULL, serve, &all) != 0)
            die("cannot listen");
    }
    long long wall0 = 0, cpu0 = 0;
    for (long i = 0; i < all; i++) {
        if (i == warm) {
            wall0 = wall();
            cpu0 = cpu();
        }
        if (tcp)
            over_tcp();
        else
            in_memory();
    }
    printf("%lld %lld\n", wall() - wall0, cpu() - cpu0);
    return 0;
}
