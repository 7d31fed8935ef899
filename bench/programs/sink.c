/* A server that discards the bodies of PUT requests, one after another on each connection, as fast as one thread can:
 * poll, one buffer for all. Prints its port. What any receiver of such uploads is bounded by. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, HEAD_MAX = 8192, BUFFER_BYTES = 1048576 };

struct connection {
  char head[HEAD_MAX + 1];
  size_t head_length;
  /* Bytes of the body that are still to come; -1 while the head is read. */
  long long left;
};

static struct pollfd fds[CONNECTIONS_MAX];
static struct connection connections[CONNECTIONS_MAX];
static char buffer[BUFFER_BYTES];
static int count = 1;

static void drop(int index) {
  close(fds[index].fd);
  count -= 1;
  fds[index] = fds[count];
  connections[index] = connections[count];
}

/* Takes what came. Returns 0 when the connection is to be dropped. */
static int take(struct connection *c, int fd, size_t length) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  if (c->left < 0) {
    size_t room = HEAD_MAX - c->head_length;
    size_t copied = length < room ? length : room;
    memcpy(c->head + c->head_length, buffer, copied);
    c->head[c->head_length + copied] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) {
      c->head_length += copied;
      return c->head_length < HEAD_MAX;
    }
    char *field = strcasestr(c->head, "content-length:");
    size_t head_here = (size_t)(end + 4 - c->head) - c->head_length;
    c->left = (field ? atoll(field + 15) : 0) - (long long)(length - head_here);
  } else {
    c->left -= (long long)length;
  }
  if (c->left > 0) return 1;
  c->left = -1;
  c->head_length = 0;
  return write(fd, answer, sizeof answer - 1) > 0;
}

int main(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 511)) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
  for (;;) {
    if (poll(fds, (nfds_t)count, -1) < 0) return 1;
    for (int index = count - 1; index > 0; index -= 1) {
      if (!fds[index].revents) continue;
      ssize_t length = read(fds[index].fd, buffer, BUFFER_BYTES);
      if (length <= 0 || !take(&connections[index], fds[index].fd, (size_t)length)) drop(index);
    }
    if (fds[0].revents && count < CONNECTIONS_MAX) {
      int fd = accept(listener, NULL, NULL);
      if (fd < 0) continue;
      fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
      connections[count].left = -1;
      connections[count].head_length = 0;
      count += 1;
    }
  }
}
