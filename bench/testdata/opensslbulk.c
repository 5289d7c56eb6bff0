/*
 * Bulk data of opensslpsk: TLS 1.2, 64 KiB in each write and in each read.
 *
 * Without encrypt-then-MAC OpenSSL uses, on x86, its AES-CBC-HMAC-SHA256, which
 * ciphers and authenticates in one pass, and four records at once where a write
 * holds that many. With it, it uses the cipher and then HMAC.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "opensslpsk.h"

enum { BLOCK = 64 << 10 };

static unsigned char data[BLOCK];

static SSL_CTX *bulk_context(const SSL_METHOD *method, const char *cipher, int etm)
{
    SSL_CTX *ctx = context(method, cipher);
    if (!etm)
        SSL_CTX_set_options(ctx, SSL_OP_NO_ENCRYPT_THEN_MAC);
    /* Several records in one read, as the others do. */
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, BLOCK);
    return ctx;
}

static void send_bytes(SSL *ssl, long n)
{
    for (; n > 0; n -= BLOCK)
        if (SSL_write(ssl, data, n < BLOCK ? n : BLOCK) <= 0)
            die("a write failed");
}

static void receive_bytes(SSL *ssl, long n)
{
    static unsigned char buf[BLOCK];
    while (n > 0) {
        int got = SSL_read(ssl, buf, BLOCK);
        if (got <= 0)
            die("a read failed");
        n -= got;
    }
}

struct job {
    SSL *ssl;
    long n;
};

static void *run_sender(void *arg)
{
    struct job *job = arg;
    send_bytes(job->ssl, job->n);
    return NULL;
}

static void *run_handshake(void *arg)
{
    if (SSL_connect(arg) != 1)
        die("a handshake failed");
    return NULL;
}

static void bulk_tcp(SSL_CTX *client_ctx, SSL_CTX *server_ctx, long n)
{
    struct sockaddr_in address;
    int listener = listen_on_loopback(&address);
    SSL *c = SSL_new(client_ctx), *s = SSL_new(server_ctx);
    struct job job = {c, n};
    pthread_t client;
    SSL_set_fd(c, connect_to(&address));
    SSL_set_fd(s, accept_from(listener));
    if (pthread_create(&client, NULL, run_handshake, c) != 0 || SSL_accept(s) != 1 || pthread_join(client, NULL) != 0)
        die("a handshake failed");
    struct clocks start = now();
    if (pthread_create(&client, NULL, run_sender, &job) != 0)
        die("cannot start a client");
    receive_bytes(s, n);
    pthread_join(client, NULL);
    print_since(start);
}

static void bulk_memory(SSL_CTX *client_ctx, SSL_CTX *server_ctx, long n)
{
    SSL *c, *s;
    connect_in_memory(client_ctx, server_ctx, &c, &s);
    struct clocks start = now();
    for (; n > 0; n -= BLOCK) {
        long part = n < BLOCK ? n : BLOCK;
        send_bytes(c, part);
        receive_bytes(s, part);
    }
    print_since(start);
}

void bulk(int tcp, const char *cipher, int etm, long n)
{
    SSL_CTX *client_ctx = bulk_context(TLS_client_method(), cipher, etm);
    SSL_CTX *server_ctx = bulk_context(TLS_server_method(), cipher, etm);
    (tcp ? bulk_tcp : bulk_memory)(client_ctx, server_ctx, n);
}

void send_to(int port, const char *cipher, int etm, long n)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    SSL *ssl = SSL_new(bulk_context(TLS_client_method(), cipher, etm));
    SSL_set_fd(ssl, connect_to(&address));
    run_handshake(ssl);
    struct clocks start = now();
    send_bytes(ssl, n);
    print_since(start);
}
