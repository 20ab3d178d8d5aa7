/* test-nbd-replies.c - what the client of NBD servers makes of each answer that there can be
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server on the other end of a socket plays a script (nbd-script.h). Requests are of 4096 bytes
 * at 8192, so 0x2000 in scripts. */

#include "banyan-test-real-time.h"
#include "nbd-script.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define AT 8192
#define BLOCK 4096

/* Headers of replies to the last request; what follows is up to the script. */
#define CHUNK(flags, type, length) "4:668e33ef 2:" flags " 2:" type " C 4:" length " "
#define XCHUNK(flags, type, length) "4:6e8a278c 2:" flags " 2:" type " C O 8:" length " "
#define SIMPLE(error) "4:67446698 4:" error " C "

/* What was written is flushed when the node is left. */
#define FLUSHED "request type:3 " SIMPLE ("0") "wait"
#define FLUSHED_X "request type:3 " XCHUNK ("1", "0", "0") "wait"

typedef enum
{
  READ,
  WRITE,
  ZERO,
  STATUS,
} Asked;

typedef struct
{
  Script *script;
  BanyanTestGraph *graph; /* (nullable): it did not open */
  int fd;
  GError *error; /* why it did not */
} Scene;

static Scene
begin_with (const char *text, const char *options)
{
  Scene scene = { 0 };
  g_autofree char *document = NULL;

  scene.script = script_start (text, &scene.fd);
  document = g_strdup_printf ("disk: { driver: nbd, server: { type: fd, str: \"%d\" }%s }",
                              scene.fd, options);
  scene.graph = banyan_test_graph_new_in_real_time (document, &scene.error);
  return scene;
}

static Scene
begin (const char *text)
{
  Scene scene = begin_with (text, "");

  if (scene.error != NULL)
    g_error ("%s: %s", text, scene.error->message);
  return scene;
}

/* Whether the script was played to its end. */
static gboolean
end (Scene *scene)
{
  if (scene->graph != NULL)
    banyan_test_graph_free (scene->graph);
  close (scene->fd);
  g_clear_error (&scene->error);
  return script_end (scene->script);
}

static gboolean
ask (Scene *scene, Asked what, guint8 *block, GError **error)
{
  BanyanBlockStatus status = { .size = sizeof status };

  switch (what)
    {
    case READ:
      return banyan_test_read (scene->graph, "disk", AT, block, BLOCK, error);
    case WRITE:
      return banyan_test_write (scene->graph, "disk", AT, block, BLOCK, error);
    case ZERO:
      return banyan_test_zeroes (scene->graph, "disk", AT, BLOCK, 0, error) == BANYAN_DONE;
    default:
      return banyan_test_block_status (scene->graph, "disk", AT, BLOCK, &status, error)
             == BANYAN_DONE;
    }
}

static void
must_say (const char *text, const char *script, const char *says)
{
  if (text == NULL || strstr (text, says) == NULL)
    g_error ("%s: \"%s\" does not say \"%s\"", script, text, says);
}

/* -- The handshake. -- */

static const struct
{
  const char *script;
  int number;
  const char *says;
} bad_greetings[] = {
  { "", ECONNRESET, "has hung up" },
  { "8:4e42444d41474943", ECONNRESET, "has hung up" },
  { "\"SSH-2.0-OpenSSH_9.2p1 <1", EPROTO, "no NBD server: it greets with 0x5353482d322e302d" },
  { "8:4e42444d41474943 8:420281861253 8:100000 4:0 124*0 wait", EPROTO, "oldstyle" },
  { "8:4e42444d41474943 8:1234 2:3 wait", EPROTO, "0x1234, which is no style" },
  /* Old servers: hang up on names that they do not have. */
  { "8:4e42444d41474943 8:49484156454f5054 2:0 <4 option", ECONNRESET, "export 'e'" },
  { "greet no no option reply:80000001 4:0 option", ECONNRESET, "export 'e'" },
  /* Replies that are none. */
  { "greet option 8:1122 4:b 4:1 4:0 wait", EPROTO, "0x1122 where the reply to NBD_OPT_EXT" },
  { "greet option 8:3e889045565a9 4:8 4:1 4:0 wait", EPROTO, "option 8, which was not asked for" },
  { "greet option reply:1 4:1 1:0 wait", EPROTO, "type 0x1 with 1 bytes to NBD_OPT_EXT" },
  { "greet option reply:3 4:2 2:0 wait", EPROTO, "type 0x3 with 2 bytes to NBD_OPT_EXT" },
  { "greet option reply:80000001 4:ffffffff wait", EPROTO, "4294967295 bytes, the limit is" },
  { "greet no option reply:2 4:0 wait", EPROTO, "type 0x2 with 0 bytes to NBD_OPT_STRUCT" },
  { "greet no yes option reply:4 4:3 3*0 wait", EPROTO, "type 0x4 with 3 bytes to NBD_OPT_SET" },
  { "greet no yes option reply:4 4:7 4:1 3*61 wait", EPROTO, "context \"aaa\", asked for \"base:" },
  { "greet no yes option reply:4 4:13 4:1 \"base:allocation reply:4 4:13 4:2 \"base:allocation "
    "wait",
    EPROTO, "chose the metadata context \"base:allocation\"" },
  /* What is wrong with the export. */
  { "greet no no option reply:80000006 4:4 \"none", ENOENT, "no export named 'e'; it says: none" },
  { "greet no no option reply:80000006 4:0 option reply:2 4:6 4:2 \"ab reply:2 4:5 4:1 \"cZ "
    "reply:1 4:0 "
    "wait",
    ENOENT, "no export named 'e'; there are: 'ab', 'c'" },
  { "greet no no option reply:80000006 4:0 option reply:2 4:5 4:2 \"a", ENOENT,
    "no export named 'e'" },
  { "greet no no option reply:80000002 4:0 wait", EACCES, "does not let us have the export 'e'" },
  { "greet no no option reply:80000007 4:0 wait", ESHUTDOWN, "shutting down" },
  { "greet no no option reply:80000008 4:0 wait", EINVAL, "with error 8" },
  { "greet yes no option reply:80000001 4:0 wait", EINVAL, "with error 1" },
  { "greet option reply:80000005 4:8 \"use-TLS! wait", EACCES,
    "wants TLS, which is not there yet: let it do without, or put a tunnel in between; it says: "
    "use-TLS!" },
  { "greet no no option reply:80000005 4:0 wait", EACCES, "wants TLS" },
  { "greet no no yes wait", EPROTO, "did not say how long the export is" },
  { "greet no no option reply:3 4:b 2:0 9*0 wait", EPROTO, "information of type 0 with 11 bytes" },
  { "greet no no option reply:3 4:2 2:3 wait", EPROTO, "information of type 3 with 2 bytes" },
  { "greet no no option reply:3 4:1 1:0 wait", EPROTO, "type 0x3 with 1 bytes to NBD_OPT_GO" },
  { "greet no no option reply:3 4:c 2:0 8:8000000000000000 2:1 reply:1 4:0 wait", EFBIG,
    "9223372036854775808 bytes" },
  { "greet no no option reply:3 4:c 2:0 8:1001 2:1 "
    "reply:3 4:e 2:3 4:200 4:1000 4:10000 reply:1 4:0 wait",
    EINVAL, "4097 bytes, the server's blocks have 512" },
  { "greet no no option reply:3 4:c 2:0 8:1000 2:1 "
    "reply:3 4:e 2:3 4:300 4:1000 4:10000 reply:1 4:0 wait",
    EPROTO, "blocks have 768 bytes; a power of 2" },
  { "greet no no option reply:3 4:c 2:0 8:40000 2:1 "
    "reply:3 4:e 2:3 4:20000 4:20000 4:20000 reply:1 4:0 wait",
    EPROTO, "blocks have 131072 bytes" },
  { "greet no no option reply:3 4:c 2:0 8:1000 2:1 "
    "reply:3 4:e 2:3 4:200 4:100 4:10000 reply:1 4:0 wait",
    EPROTO, "prefers blocks of 256 bytes" },
  { "greet no no option reply:3 4:c 2:0 8:1000 2:1 "
    "reply:3 4:e 2:3 4:200 4:1000 4:100 reply:1 4:0 wait",
    EPROTO, "at most 256 bytes at once, and blocks have 512" },
  /* Four bytes of the last reply, and one more, at once. */
  { "greet no no option reply:3 4:c 2:0 8:100000 2:4ed reply:1 5:0 wait", EPROTO,
    "sent 1 bytes before it was asked" },
};

static void
test_refuses_greetings (void)
{
  g_test_summary ("What a server may not say while negotiating is refused in words that name it");

  for (gsize i = 0; i < G_N_ELEMENTS (bad_greetings); i++)
    {
      Scene scene = begin_with (bad_greetings[i].script, ", export: e");

      g_assert_nonnull (scene.error);
      must_say (scene.error->message, bad_greetings[i].script, bad_greetings[i].says);
      g_assert_error (scene.error, BANYAN_ERRNO, bad_greetings[i].number);
      end (&scene);
    }
}

static void
test_ends_endless_replies (void)
{
  g_autoptr (GString) text = g_string_new ("greet no no option");
  Scene scene;

  g_test_summary ("A server that never comes to the end of its answer is refused");

  for (guint i = 0; i < 100; i++)
    g_string_append (text, " reply:3 4:2 2:9");
  scene = begin_with (text->str, "");
  g_assert_error (scene.error, BANYAN_ERRNO, EPROTO);
  must_say (scene.error->message, "endless", "sent 64 replies to NBD_OPT_GO");
  end (&scene);
}

/* -- Answers that are right. -- */

static const struct
{
  const char *script;
  Asked asked;
} good_answers[] = {
  { "simple request " SIMPLE ("0") "4096*55 wait", READ },
  { "simple request type:1 " SIMPLE ("0") FLUSHED, WRITE },
  /* Unfixed newstyle, and a server that does not know NBD_OPT_GO: with the zeroes, and without. */
  { "8:4e42444d41474943 8:49484156454f5054 2:0 <4 option 8:100000 2:1 124*0 request " SIMPLE (
        "0") "4096*55 wait",
    READ },
  { "8:4e42444d41474943 8:49484156454f5054 2:2 <4 option 8:100000 2:1 request " SIMPLE (
        "0") "4096*55 wait",
    READ },
  { "greet no no no option 8:100000 2:1 request " SIMPLE ("0") "4096*55 wait", READ },
  { "structured request " CHUNK ("1", "1", "1008") "8:2000 4096*55 wait", READ },
  { "structured request " CHUNK ("0", "1", "1008") "8:2000 4096*55 " CHUNK ("1", "0", "0") "wait",
    READ },
  /* In pieces, the last one first, and one between two. */
  { "structured request " CHUNK ("0", "1", "408") "8:2c00 1024*55 " CHUNK (
        "0", "1", "408") "8:2000 1024*55 " CHUNK ("0", "1",
                                                  "808") "8:2400 2048*55 " CHUNK ("1", "0",
                                                                                  "0") "wait",
    READ },
  { "structured request type:1 " CHUNK ("1", "0", "0") FLUSHED, WRITE },
  { "structured request type:1 " SIMPLE ("0") FLUSHED, WRITE },
  { "structured request type:6 " CHUNK ("1", "0", "0") FLUSHED, ZERO },
  { "context request type:7 flags:8 " CHUNK ("1", "5", "c") "4:9 4:1000 4:0 wait", STATUS },
  { "context request type:7 " CHUNK ("0", "5", "c") "4:9 4:1000 4:0 " CHUNK ("1", "0", "0") "wait",
    STATUS },
  /* More extents than one, longer than asked for: some servers do that. */
  { "context request type:7 " CHUNK ("1", "5", "14") "4:9 4:2000 4:0 4:1 4:3 wait", STATUS },
  { "extended request " XCHUNK ("1", "1", "1008") "8:2000 4096*55 wait", READ },
  { "extended request type:1 flags:20 " XCHUNK ("1", "0", "0") FLUSHED_X, WRITE },
  { "xcontext request type:7 " XCHUNK ("1", "6", "18") "4:9 4:1 8:1000 8:0 wait", STATUS },
};

static void
test_understands (void)
{
  g_test_summary ("Each form of reply, whole or in pieces, is understood");

  for (gsize i = 0; i < G_N_ELEMENTS (good_answers); i++)
    {
      Scene scene = begin (good_answers[i].script);
      guint8 block[BLOCK] = { 0 };
      g_autoptr (GError) error = NULL;

      if (!ask (&scene, good_answers[i].asked, block, &error))
        g_error ("%s: %s", good_answers[i].script, error->message);
      for (guint j = 0; good_answers[i].asked == READ && j < BLOCK; j++)
        g_assert_cmphex (block[j], ==, 0x55);
      g_assert_true (end (&scene));
    }
}

static void
test_fills_holes (void)
{
  Scene scene = begin ("structured request " CHUNK ("0", "2", "c") "8:2000 4:800 " CHUNK (
      "1", "1", "808") "8:2800 2048*55 wait");
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A hole reads as zeroes");

  memset (block, 0xff, sizeof block);
  ask (&scene, READ, block, &error);
  g_assert_no_error (error);
  g_assert_cmphex (block[0], ==, 0);
  g_assert_cmphex (block[2047], ==, 0);
  g_assert_cmphex (block[2048], ==, 0x55);
  g_assert_true (end (&scene));
}

/* Each second sector, then the others: more places than are kept. */
static void
append_scattered (GString *text)
{
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = pass; i < 64; i += 2)
      g_string_append_printf (text, CHUNK ("0", "1", "48") "8:%x 64*33 ", AT + i * 64);
  g_string_append (text, CHUNK ("1", "0", "0"));
}

static void
test_asks_for_scattered (void)
{
  g_autoptr (GString) text = g_string_new ("structured request flags:0 ");
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;
  Scene scene;

  g_test_summary ("Data that comes in more places than are kept is asked for in one piece");

  append_scattered (text);
  g_string_append (text, "request flags:4 " CHUNK ("1", "1", "1008") "8:2000 4096*55 wait");
  scene = begin (text->str);
  ask (&scene, READ, block, &error);
  g_assert_no_error (error);
  g_assert_cmphex (block[0], ==, 0x55);
  g_assert_cmphex (block[BLOCK - 1], ==, 0x55);
  g_assert_true (end (&scene));
}

static void
test_refuses_scattered (void)
{
  g_autoptr (GString) text
      = g_string_new ("greet no yes no option reply:3 4:c 2:0 8:100000 2:1 reply:1 4:0 request ");
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;
  Scene scene;

  g_test_summary ("Where it cannot be asked for so, the read fails");

  append_scattered (text);
  g_string_append (text, "request " CHUNK ("1", "1", "1008") "8:2000 4096*55 wait");
  scene = begin (text->str);
  g_assert_false (ask (&scene, READ, block, &error));
  g_assert_error (error, BANYAN_ERRNO, EPROTO);
  must_say (error->message, "scattered", "more pieces than can be told apart");
  g_clear_error (&error);
  ask (&scene, READ, block, &error);
  g_assert_no_error (error);
  g_assert_true (end (&scene));
}

/* 1 MiB goes past the receive buffer, and another reply comes along behind. */
static void
test_receives_large (void)
{
  Scene scene
      = begin ("simple request " SIMPLE ("0") "1048576*55 request " SIMPLE ("0") "4096*66 wait");
  g_autofree guint8 *data = g_malloc (1 << 20);
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A large read is received where its data is wanted");

  banyan_test_read (scene.graph, "disk", 0, data, 1 << 20, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 1 << 20; i++)
    g_assert_cmphex (data[i], ==, 0x55);
  ask (&scene, READ, block, &error);
  g_assert_no_error (error);
  g_assert_cmphex (block[0], ==, 0x66);
  g_assert_true (end (&scene));
}

/* -- Errors. -- */

static const struct
{
  const char *script;
  int number;
  const char *says; /* (nullable) */
} failures[] = {
  { "simple request " SIMPLE ("1") "wait", EPERM },
  { "simple request " SIMPLE ("5") "wait", EIO },
  { "simple request " SIMPLE ("c") "wait", ENOMEM },
  { "simple request " SIMPLE ("16") "wait", EINVAL },
  { "simple request " SIMPLE ("1c") "wait", ENOSPC },
  { "simple request " SIMPLE ("4b") "wait", EOVERFLOW },
  { "simple request " SIMPLE ("5f") "wait", ENOTSUP },
  { "simple request " SIMPLE ("6c") "wait", ESHUTDOWN },
  { "simple request " SIMPLE ("1234") "wait", EINVAL },
  { "structured request " CHUNK ("1", "8001", "6") "4:1c 2:0 wait", ENOSPC },
  { "structured request " CHUNK ("1", "8001", "a") "4:5 2:4 \"ouch wait", EIO, "ouch" },
  { "structured request " CHUNK ("1", "8002", "12") "4:5 2:4 \"ouch 8:2fff wait", EIO, "ouch" },
  { "structured request " CHUNK ("0", "1", "808") "8:2000 2048*55 " CHUNK (
        "0", "8002", "e") "4:5 2:0 8:2800 " CHUNK ("1", "0", "0") "wait",
    EIO },
  /* The first of several is what began it; of an unknown kind is an error like others. */
  { "structured request " CHUNK ("0", "8001", "6") "4:1 2:0 " CHUNK ("1", "8001",
                                                                     "6") "4:5 2:0 wait",
    EPERM },
  { "structured request " CHUNK ("1", "8123", "e") "4:c 2:4 \"ouch 4:0 wait", ENOMEM, "ouch" },
  /* Text that is none, in place of which there is something that can be shown. */
  { "structured request " CHUNK ("1", "8001", "8") "4:5 2:2 2:ffff wait", EIO, "of which" },
  { "extended request " XCHUNK ("1", "8001", "a") "4:5 2:4 \"ouch wait", EIO, "ouch" },
};

static void
test_passes_errors_on (void)
{
  g_test_summary ("A failed request keeps the server's error and its words");

  for (gsize i = 0; i < G_N_ELEMENTS (failures); i++)
    {
      Scene scene = begin (failures[i].script);
      guint8 block[BLOCK];
      g_autoptr (GError) error = NULL;

      g_assert_false (ask (&scene, READ, block, &error));
      g_assert_error (error, BANYAN_ERRNO, failures[i].number);
      must_say (error->message, failures[i].script,
                failures[i].says != NULL ? failures[i].says : "reading 4096 bytes at 8192");
      g_assert_true (end (&scene));
    }
}

static void
test_goes_on_after_error (void)
{
  Scene scene = begin ("simple request " SIMPLE ("5") "request " SIMPLE ("0") "4096*55 wait");
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;

  g_test_summary ("After a failed request the connection is as good as before");

  g_assert_false (ask (&scene, READ, block, &error));
  g_clear_error (&error);
  ask (&scene, READ, block, &error);
  g_assert_no_error (error);
  g_assert_true (end (&scene));
}

static void
test_says_goodbye (void)
{
  Scene scene = begin ("simple request " SIMPLE ("6c") "request type:2 wait");
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;

  g_test_summary ("A server that shuts down is said goodbye to");

  g_assert_false (ask (&scene, READ, block, &error));
  g_assert_error (error, BANYAN_ERRNO, ESHUTDOWN);
  g_assert_true (end (&scene));
}

/* -- What breaks the protocol. -- */

static const struct
{
  const char *script;
  Asked asked;
  const char *says;
} violations[] = {
  { "simple request 4:12345678 8:0 8:0 wait", READ, "0x12345678 where a simple reply begins" },
  { "structured request 4:6e8a278c 8:0 8:0 wait", READ,
    "0x6e8a278c where a simple or a structured" },
  { "extended request 4:668e33ef 8:0 8:0 8:0 8:0 wait", READ,
    "0x668e33ef where an extended reply" },
  { "extended request " SIMPLE ("0") "8:0 8:0 wait", READ, "0x67446698 where an extended reply" },
  { "simple request 4:668e33ef 2:1 2:0 C 4:0 wait", WRITE, "0x668e33ef where a simple reply" },
  { "simple request 4:67446698 4:0 8:ff00000000001234 wait", READ, "cookie is 0xff00000000001234" },
  { "simple request 4:67446698 4:0 8:0 wait", READ, "cookie is 0" },
  { "structured request 4:668e33ef 2:1 2:0 8:77 4:0 wait", READ, "cookie is 0x77" },
  { "structured request " SIMPLE ("0") "4096*55 wait", READ, "a simple reply where a structured" },
  { "context request " SIMPLE ("0") "wait", STATUS, "a simple reply where a structured" },
  { "structured request " CHUNK ("0", "0", "0") "wait", READ, "empty chunk that is not the last" },
  { "structured request " CHUNK ("1", "0", "4") "4:0 wait", READ, "chunk of type 0 with 4 bytes" },
  { "structured request " CHUNK ("1", "3", "4") "4:0 wait", READ,
    "chunk of type 3, which is unknown" },
  { "structured request " CHUNK ("1", "0", "0") "wait", READ, "less data than that" },
  { "structured request " CHUNK ("1", "1", "807") "8:2000 2047*55 wait", READ,
    "less data than that" },
  { "structured request " CHUNK ("1", "1", "8") "8:2000 wait", READ, "type 0x1 with 8 bytes" },
  { "structured request " CHUNK ("1", "1", "0") "wait", READ, "type 0x1 with 0 bytes" },
  { "structured request " CHUNK ("1", "1", "1009") "8:2000 wait", READ,
    "4097 bytes of data at 8192" },
  { "structured request " CHUNK ("1", "1", "ffffffff") "8:2000 wait", READ,
    "4294967287 bytes of data at 8192" },
  { "structured request " CHUNK ("1", "1", "1008") "8:2001 wait", READ,
    "4096 bytes of data at 8193" },
  { "structured request " CHUNK ("1", "1", "108") "8:1fff wait", READ,
    "256 bytes of data at 8191" },
  { "structured request " CHUNK ("1", "1", "108") "8:ffffffffffffff80 wait", READ,
    "data at 18446744073709551488" },
  { "structured request " CHUNK ("0", "1", "108") "8:2000 256*1 " CHUNK ("0", "1",
                                                                         "108") "8:20ff 256*1 wait",
    READ, "256 bytes of data at 8447 that it had sent before" },
  { "structured request " CHUNK ("0", "1", "108") "8:2100 256*1 " CHUNK ("0", "1",
                                                                         "109") "8:2000 257*1 wait",
    READ, "257 bytes of data at 8192 that it had sent before" },
  { "structured request " CHUNK ("0", "1", "108") "8:2000 256*1 " CHUNK (
        "0", "1", "108") "8:2200 256*1 " CHUNK ("0", "1", "109") "8:2100 wait",
    READ, "257 bytes of data at 8448 that it had sent before" },
  { "structured request " CHUNK ("0", "2", "c") "8:2000 4:1000 " CHUNK ("0", "2",
                                                                        "c") "8:2800 4:1 wait",
    READ, "1 bytes of data at 10240 that it had sent before" },
  { "structured request " CHUNK ("1", "2", "b") "8:2000 3*0 wait", READ, "type 0x2 with 11 bytes" },
  { "structured request " CHUNK ("1", "2", "c") "8:2000 4:0 wait", READ,
    "0 bytes of data at 8192" },
  { "structured request " CHUNK ("1", "2", "c") "8:2000 4:1001 wait", READ, "4097 bytes of data" },
  { "structured request " CHUNK ("1", "1", "108") "8:2000 wait", WRITE, "sent data" },
  { "structured request " CHUNK ("1", "5", "c") "4:9 4:1000 4:0 wait", READ, "a chunk of type 5" },
  { "context request " CHUNK ("1", "6", "18") "4:9 4:1 8:1000 8:0 wait", STATUS,
    "a chunk of type 6" },
  { "xcontext request " XCHUNK ("1", "5", "c") "4:9 4:1000 4:0 wait", STATUS, "a chunk of type 5" },
  { "context request " CHUNK ("1", "5", "c") "4:8 4:1000 4:0 wait", STATUS, "metadata context 8" },
  { "context request " CHUNK ("1", "5", "4") "4:9 wait", STATUS, "type 0x5 with 4 bytes" },
  { "context request " CHUNK ("1", "5", "d") "4:9 9*0 wait", STATUS, "type 0x5 with 13 bytes" },
  { "context request " CHUNK ("1", "5", "80000c") "4:9 wait", STATUS,
    "type 0x5 with 8388620 bytes" },
  { "context request " CHUNK ("1", "5", "c") "4:9 4:0 4:0 wait", STATUS, "an extent of no bytes" },
  { "context request " CHUNK ("0", "5", "c") "4:9 4:1000 4:0 " CHUNK ("1", "5",
                                                                      "c") "4:9 4:1000 4:0 wait",
    STATUS, "metadata context 9 once more" },
  { "context request " CHUNK ("1", "0", "0") "wait", STATUS, "no extent, and no error" },
  { "xcontext request " XCHUNK ("1", "6", "18") "4:9 4:2 8:1000 8:0 wait", STATUS,
    "1 extents and counts 2" },
  { "structured request " CHUNK ("1", "8001", "5") "5*0 wait", READ, "type 0x8001 with 5 bytes" },
  { "structured request " CHUNK ("1", "8001", "10007") "wait", READ, "0x8001 with 65543 bytes" },
  { "structured request " CHUNK ("1", "8001", "6") "4:0 2:0 wait", READ, "an error that is none" },
  { "structured request " CHUNK ("1", "8001", "8") "4:5 2:3 2*0 wait", READ,
    "error of 8 bytes with 3 bytes of text" },
  { "structured request " CHUNK ("1", "8001", "2000") "4:5 2:1001 wait", READ,
    "error of 8192 bytes with 4097 bytes of text" },
  { "structured request " CHUNK ("1", "8002", "d") "13*0 wait", READ, "type 0x8002 with 13 bytes" },
  { "structured request " CHUNK ("1", "8002", "e") "4:5 2:1 8:2000 wait", READ,
    "error of 14 bytes with 1 bytes of text" },
  { "structured request " CHUNK ("1", "8002", "e") "4:5 2:0 8:3000 wait", READ,
    "an error at 12288" },
  { "structured request " CHUNK ("1", "8002", "e") "4:5 2:0 8:1fff wait", READ,
    "an error at 8191" },
  { "extended request 4:6e8a278c 2:1 2:0 C 8:2001 8:0 wait", WRITE, "an answer to one at 8193" },
  { "extended request 4:6e8a278c 2:1 2:1 C O 8:ffffffffffffffff 8:2000 wait", READ,
    "bytes of data at 8192" },
  /* Where it stops in the middle. */
  { "simple request", READ, "hung up" },
  { "simple request 4:67446698 4:0", READ, "hung up" },
  { "simple request " SIMPLE ("0") "4095*55", READ, "hung up" },
  { "structured request " CHUNK ("1", "1", "1008") "8:2000 4095*55", READ, "hung up" },
  { "structured request " CHUNK ("1", "8001", "a") "4:5 2:4 \"ouc", READ, "hung up" },
};

static void
test_ends_violations (void)
{
  g_test_summary ("What breaks the protocol ends the connection, and is told");

  for (gsize i = 0; i < G_N_ELEMENTS (violations); i++)
    {
      Scene scene = begin (violations[i].script);
      guint8 block[BLOCK] = { 0 };
      g_autoptr (GError) error = NULL;
      g_autofree char *why = NULL;
      gboolean connected = TRUE;

      g_assert_false (ask (&scene, violations[i].asked, block, &error));
      g_assert_error (error, BANYAN_ERRNO, EIO);
      g_object_get (banyan_test_get_node (scene.graph, "disk"), "last-error", &why, "connected",
                    &connected, NULL);
      must_say (why, violations[i].script, violations[i].says);
      g_assert_false (connected);
      end (&scene);
    }
}

static void
test_gives_up_silence (void)
{
  Scene scene = begin_with ("simple request wait", ", silence-timeout: 1s");
  guint8 block[BLOCK];
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;

  g_test_summary ("With silence-timeout a server that owes an answer is given up");

  g_assert_false (ask (&scene, READ, block, &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_object_get (banyan_test_get_node (scene.graph, "disk"), "last-error", &why, NULL);
  must_say (why, "silence", "owes 1 answers and has said nothing for 1 s");
  g_assert_true (end (&scene));
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/nbd/refuses-wrong-greetings", test_refuses_greetings);
  g_test_add_func ("/protocol/nbd/ends-endless-replies", test_ends_endless_replies);
  g_test_add_func ("/protocol/nbd/understands-each-form", test_understands);
  g_test_add_func ("/protocol/nbd/fills-holes", test_fills_holes);
  g_test_add_func ("/protocol/nbd/asks-for-scattered-data-whole", test_asks_for_scattered);
  g_test_add_func ("/protocol/nbd/refuses-scattered-data", test_refuses_scattered);
  g_test_add_func ("/protocol/nbd/receives-large-reads", test_receives_large);
  g_test_add_func ("/protocol/nbd/passes-errors-on", test_passes_errors_on);
  g_test_add_func ("/protocol/nbd/goes-on-after-error", test_goes_on_after_error);
  g_test_add_func ("/protocol/nbd/says-goodbye-to-leaving-server", test_says_goodbye);
  g_test_add_func ("/protocol/nbd/ends-on-violation", test_ends_violations);
  g_test_add_func ("/protocol/nbd/gives-up-silent-server-in-transmission", test_gives_up_silence);
  return g_test_run ();
}
