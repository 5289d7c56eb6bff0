/* What the parts of opensslpsk share. */
#include <openssl/err.h>
#include <openssl/ssl.h>

/* The time on the wall and on the processor, in nanoseconds. */
struct clocks {
    long long wall, cpu;
};

void die(const char *what);
struct clocks now(void);
void print_since(struct clocks start);

/* A client's or server's context for TLS 1.3 (cipher NULL) or TLS 1.2. */
SSL_CTX *context(const SSL_METHOD *method, const char *cipher);

/* Both ends over memory BIOs, after their handshake, which is in one thread. */
void connect_in_memory(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL **client, SSL **server);

int listen_on_loopback(struct sockaddr_in *address);
int connect_to(struct sockaddr_in *address);
int accept_from(int listener);

void bulk(int tcp, const char *cipher, int etm, long n);
void send_to(int port, const char *cipher, int etm, long n);
