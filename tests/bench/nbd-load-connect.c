/* nbd-load-connect.c - connecting to an NBD server and the fixed newstyle handshake
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "nbd-load.h"

/* No option reply that we ask for is longer. */
#define LONGEST_OPTION_REPLY 65536u

static void
send_all (int fd, const void *data, size_t length)
{
  while (length > 0)
    {
      ssize_t n = send (fd, data, length, MSG_NOSIGNAL);

      if (n <= 0)
        load_fail ("handshake: send: %s", strerror (errno));
      data = (const char *) data + n;
      length -= n;
    }
}

static void
receive_all (int fd, void *data, size_t length)
{
  if (length == 0)
    return;

  ssize_t n = recv (fd, data, length, MSG_WAITALL);

  if (n < 0)
    load_fail ("handshake: receive: %s", strerror (errno));
  if ((size_t) n < length)
    load_fail ("handshake: the server closed the connection");
}

static void
send_option (int fd, uint32_t option, const void *data, uint32_t length)
{
  NbdOption header = { htobe64 (NBD_OPTION_MAGIC), htobe32 (option), htobe32 (length) };

  send_all (fd, &header, sizeof header);
  send_all (fd, data, length);
}

/* Returns the reply's type; @data has room for LONGEST_OPTION_REPLY. */
static uint32_t
receive_option_reply (int fd, uint32_t option, uint8_t *data, uint32_t *length)
{
  NbdOptionReply reply;

  receive_all (fd, &reply, sizeof reply);
  *length = be32toh (reply.length);
  if (be64toh (reply.magic) != NBD_OPTION_REPLY_MAGIC || be32toh (reply.option) != option
      || *length > LONGEST_OPTION_REPLY)
    load_fail ("handshake: the reply to option %u is malformed", option);
  receive_all (fd, data, *length);
  return be32toh (reply.type);
}

static void
take_info (LoadConnection *connection, const uint8_t *data, uint32_t length)
{
  NbdExportInfo info;
  uint32_t minimum;

  if (length < 2)
    load_fail ("handshake: an information reply of %u bytes", length);

  switch (data[0] << 8 | data[1])
    {
    case NBD_INFO_EXPORT:
      if (length != sizeof info)
        load_fail ("handshake: export information of %u bytes", length);
      memcpy (&info, data, sizeof info);
      connection->export_bytes = be64toh (info.size);
      connection->export_flags = be16toh (info.flags);
      break;

    case NBD_INFO_BLOCK_SIZE:
      if (length != 14)
        load_fail ("handshake: block-size information of %u bytes", length);
      memcpy (&minimum, data + 2, sizeof minimum);
      connection->minimum_block = be32toh (minimum);
      break;
    }
}

static void
negotiate_structured (LoadConnection *connection)
{
  uint8_t data[LONGEST_OPTION_REPLY];
  uint32_t length;

  send_option (connection->fd, NBD_OPT_STRUCTURED_REPLY, "", 0);
  connection->structured
      = receive_option_reply (connection->fd, NBD_OPT_STRUCTURED_REPLY, data, &length)
        == NBD_REP_ACK;
}

static void
negotiate_export (LoadConnection *connection)
{
  const char *name = load_options.export_name;
  uint32_t name_length = strlen (name);
  uint8_t data[LONGEST_OPTION_REPLY];
  uint32_t length, type;

  if (name_length > 4096)
    load_fail ("the export's name is longer than the protocol allows");

  /* Name, then one request for information: the block size. */
  uint32_t name_length_be = htobe32 (name_length);
  uint16_t wanted[2] = { htobe16 (1), htobe16 (NBD_INFO_BLOCK_SIZE) };

  memcpy (data, &name_length_be, 4);
  memcpy (data + 4, name, name_length);
  memcpy (data + 4 + name_length, wanted, sizeof wanted);
  send_option (connection->fd, NBD_OPT_GO, data, 4 + name_length + sizeof wanted);

  while ((type = receive_option_reply (connection->fd, NBD_OPT_GO, data, &length)) == NBD_REP_INFO)
    take_info (connection, data, length);
  if (type != NBD_REP_ACK)
    load_fail ("the server refuses export \"%s\": 0x%x %.*s", name, type, (int) length, data);
  if ((connection->export_flags & NBD_SEND_HAS_FLAGS) == 0 || connection->export_bytes == 0)
    load_fail ("the server tells neither size nor flags of export \"%s\"", name);
}

static int
connect_unix (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (strlen (path) >= sizeof address.sun_path)
    load_fail ("%s: too long for a socket's path", path);
  strcpy (address.sun_path, path);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    load_fail ("connecting to %s: %s", path, strerror (errno));
  return fd;
}

static int
connect_tcp (const char *text)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
  const char *colon = strrchr (text, ':');
  char host[256];
  int fd = -1;

  if (colon == NULL || (size_t) (colon - text) >= sizeof host)
    load_fail ("%s: want HOST:PORT", text);
  snprintf (host, sizeof host, "%.*s", (int) (colon - text), text);

  int result = getaddrinfo (host, colon + 1, &hints, &found);
  if (result != 0)
    load_fail ("%s: %s", text, gai_strerror (result));
  for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next)
    {
      fd = socket (a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
      if (fd >= 0 && connect (fd, a->ai_addr, a->ai_addrlen) < 0)
        {
          close (fd);
          fd = -1;
        }
    }
  freeaddrinfo (found);
  if (fd < 0)
    load_fail ("connecting to %s: %s", text, strerror (errno));

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof (int));
  return fd;
}

void
load_connection_connect (LoadConnection *connection)
{
  struct timeval stall = { .tv_sec = LOAD_STALL_SECONDS };
  NbdGreeting greeting;
  uint32_t flags;
  int fd;

  fd = load_options.unix_path != NULL ? connect_unix (load_options.unix_path)
                                      : connect_tcp (load_options.tcp_address);
  connection->fd = fd;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);

  receive_all (fd, &greeting, sizeof greeting);
  if (be64toh (greeting.magic) != NBD_GREETING_MAGIC
      || be64toh (greeting.option_magic) != NBD_OPTION_MAGIC)
    load_fail ("this is no NBD server that speaks newstyle");
  flags = be16toh (greeting.flags) & (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  flags = htobe32 (flags);
  send_all (fd, &flags, sizeof flags);

  if (load_options.structured)
    negotiate_structured (connection);
  negotiate_export (connection);

  stall.tv_sec = 1;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
}
