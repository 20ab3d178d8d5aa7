/* test-nbd-protocol.c - the NBD server, held to the protocol document
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Requests go out in each of the three forms, and what comes back is taken apart by the rules of
 * that form: magic numbers, cookies, offsets, lengths, and which chunk is the last. */

#include "nbd-stage.h"

#define HUGE "  huge: { node: huge, writable: true }\n"
#define EXTENDED_WRITE (1 << 5)

enum
{
  OK = 0,
  PERMISSION = 1,
  INVALID = 22,
  NO_SPACE = 28,
  OVERFLOW = 75,
};

typedef enum
{
  SIMPLE,
  STRUCTURED,
  EXTENDED,
} Form;

#define IN_SIMPLE (1 << SIMPLE)
#define IN_STRUCTURED (1 << STRUCTURED)
#define IN_EXTENDED (1 << EXTENDED)
#define IN_COMPACT (IN_SIMPLE | IN_STRUCTURED)
#define IN_ANY (IN_COMPACT | IN_EXTENDED)

typedef struct
{
  int fd;
  Form form;
  guint flags; /* of the export */
} Asker;

/* -- Asking. -- */

/* All that GO has to say, but the flags, is passed over. */
static guint
receive_go (int fd)
{
  guint flags = 0;

  for (;;)
    {
      guint32 type, length;

      g_assert_cmphex (receive_number (fd, 8), ==, 0x3e889045565a9);
      g_assert_cmpuint (receive_number (fd, 4), ==, 7);
      type = receive_number (fd, 4);
      length = receive_number (fd, 4);
      if (type == 1)
        return flags;
      g_assert_cmpuint (type, ==, 3);
      g_assert_cmpuint (length, ==, 12);
      g_assert_cmpuint (receive_number (fd, 2), ==, 0);
      receive_number (fd, 8);
      flags = receive_number (fd, 2);
    }
}

/* @context_of: (nullable): the export to choose base:allocation for. */
static Asker
ask_for (const Stage *stage, Form form, const char *name, const char *context_of)
{
  static const guint options[] = { 0, 8, 11 };
  Asker asker = { raw_greet (stage), form };

  if (form != SIMPLE)
    {
      SEND_OPTION_HEADER (asker.fd, options[form], 0);
      g_assert_cmphex (receive_option_reply (asker.fd, options[form]), ==, 1);
    }
  if (context_of != NULL)
    {
      send_option (asker.fd, 10, context_of, ONE_CONTEXT, sizeof ONE_CONTEXT - 1);
      g_assert_cmphex (receive_option_reply (asker.fd, 10), ==, 4);
      g_assert_cmphex (receive_option_reply (asker.fd, 10), ==, 1);
    }
  send_option (asker.fd, 7, name, "\0\0", 2);
  asker.flags = receive_go (asker.fd);
  return asker;
}

static void
send_request (const Asker *asker, guint flags, guint type, guint64 offset, guint64 length)
{
  if (asker->form == EXTENDED)
    SEND_EXTENDED (asker->fd, flags, type, offset, length);
  else
    send_numbers (asker->fd, "422884", 0x25609513ull, NUMBER (flags), NUMBER (type), 0xc00c1eull,
                  offset, length);
}

static void
skip (int fd, guint64 length)
{
  g_autofree guint8 *data = g_malloc (65536);

  for (guint64 piece; length > 0; length -= piece)
    {
      piece = MIN (length, 65536);
      raw_receive (fd, data, piece);
    }
}

/* One chunk, behind its magic number. Its error, or 0; @is_last tells whether more will come. */
static guint32
receive_chunk (const Asker *asker, guint64 offset, gboolean *is_last)
{
  guint flags = receive_number (asker->fd, 2);
  guint type = receive_number (asker->fd, 2);
  guint64 length;
  guint32 error = 0;

  g_assert_cmpuint (flags & ~1u, ==, 0);
  g_assert_cmphex (receive_number (asker->fd, 8), ==, 0xc00c1e);
  if (asker->form == EXTENDED)
    g_assert_cmphex (receive_number (asker->fd, 8), ==, offset);
  length = receive_number (asker->fd, asker->form == EXTENDED ? 8 : 4);
  *is_last = flags & 1;

  if (type == 0)
    g_assert_cmpuint (length, ==, 0);
  if (type == 0x8001)
    {
      guint16 text;

      error = receive_number (asker->fd, 4);
      text = receive_number (asker->fd, 2);
      g_assert_cmpuint (error, !=, 0);
      g_assert_cmpuint (text, ==, length - 6);
      length = text;
    }
  skip (asker->fd, length);
  return error;
}

/* What the whole reply says; data is passed over. */
static guint32
receive_verdict (const Asker *asker, guint type, guint64 offset, guint64 length)
{
  gboolean is_last = FALSE;
  guint32 verdict = 0;

  while (!is_last)
    {
      guint32 magic = receive_number (asker->fd, 4);

      if (magic == 0x67446698)
        {
          g_assert_cmpint (asker->form, !=, EXTENDED);
          g_assert_true (asker->form == SIMPLE || type != 0);
          verdict = receive_number (asker->fd, 4);
          g_assert_cmphex (receive_number (asker->fd, 8), ==, 0xc00c1e);
          if (type == 0 && verdict == 0)
            skip (asker->fd, length);
          return verdict;
        }
      g_assert_cmphex (magic, ==, asker->form == EXTENDED ? 0x6e8a278c : 0x668e33ef);
      g_assert_cmpint (asker->form, !=, SIMPLE);
      verdict |= receive_chunk (asker, offset, &is_last);
    }
  return verdict;
}

/* With payload as the form wants it. */
static guint32
ask (const Asker *asker, guint flags, guint type, guint64 offset, guint64 length)
{
  g_autofree guint8 *payload = NULL;
  gboolean has_payload = asker->form == EXTENDED ? (flags & EXTENDED_WRITE) != 0 : type == 1;

  send_request (asker, flags, type, offset, length);
  if (has_payload && length > 0)
    {
      payload = g_malloc0 (length);
      raw_send (asker->fd, payload, length);
    }
  return receive_verdict (asker, type, offset, length);
}

/* -- What each request is answered. -- */

typedef struct
{
  guint forms;
  guint flags;
  guint type;
  guint64 offset;
  guint64 length;
  guint32 verdict;
} Case;

static void
assert_answers (const Stage *stage, const char *name, const Case *cases, gsize n)
{
  for (Form form = SIMPLE; form <= EXTENDED; form++)
    {
      Asker asker = ask_for (stage, form, name, NULL);

      for (gsize i = 0; i < n; i++)
        if (cases[i].forms & (1u << form))
          {
            g_test_message ("form %d, case %zu: type %u, flags %u", form, i, cases[i].type,
                            cases[i].flags);
            g_assert_cmpuint (
                ask (&asker, cases[i].flags, cases[i].type, cases[i].offset, cases[i].length), ==,
                cases[i].verdict);
          }
      close (asker.fd);
    }
}

static void
answers (Stage *stage)
{
  static const Case cases[] = {
    /* Beyond the end, and around it. */
    { IN_ANY, 0, 0, HUGE_SIZE, 512, INVALID },
    { IN_ANY, 0, 0, HUGE_SIZE - 256, 512, INVALID },
    { IN_ANY, 0, 0, G_MAXUINT64, 512, INVALID },
    { IN_COMPACT, 0, 1, HUGE_SIZE - 256, 512, NO_SPACE },
    { IN_EXTENDED, EXTENDED_WRITE, 1, HUGE_SIZE - 256, 512, NO_SPACE },
    { IN_ANY, 0, 4, HUGE_SIZE - 256, 512, INVALID },
    { IN_ANY, 0, 5, HUGE_SIZE - 256, 512, INVALID },
    { IN_ANY, 0, 6, HUGE_SIZE - 256, 512, NO_SPACE },
    { IN_EXTENDED, 0, 6, 0, G_MAXUINT64, NO_SPACE },
    { IN_EXTENDED, 0, 4, 1, G_MAXUINT64, INVALID },
    /* Larger than what is sent at once. */
    { IN_SIMPLE, 0, 0, 0, 33u << 20, INVALID },
    { IN_STRUCTURED | IN_EXTENDED, 0, 0, 0, 33u << 20, OVERFLOW },
    { IN_STRUCTURED | IN_EXTENDED, 1 << 2, 0, 0, 33u << 20, OVERFLOW },
    { IN_ANY, 0, 0, 0, 32u << 20, OK },
    { IN_STRUCTURED | IN_EXTENDED, 1 << 2, 0, 0, 32u << 20, OK },
    /* Ranges without data: any length. */
    { IN_ANY, 0, 4, 0, 3u << 30, OK },
    { IN_ANY, 0, 5, 0, 3u << 30, OK },
    { IN_ANY, 0, 6, 0, 3u << 30, OK },
    { IN_EXTENDED, 1, 6, 0, HUGE_SIZE, OK },
    { IN_EXTENDED, 1, 4, 0, HUGE_SIZE, OK },
    { IN_EXTENDED, 0, 5, 0, HUGE_SIZE, OK },
    /* Nothing at all. */
    { IN_ANY, 0, 0, 4096, 0, OK },
    { IN_COMPACT, 0, 1, 4096, 0, OK },
    { IN_EXTENDED, EXTENDED_WRITE, 1, 4096, 0, OK },
    { IN_ANY, 0, 4, 4096, 0, OK },
    { IN_ANY, 0, 5, 4096, 0, OK },
    { IN_ANY, 0, 6, 4096, 0, OK },
    /* Not of whole blocks. */
    { IN_ANY, 0, 0, 1, 4097, OK },
    { IN_COMPACT, 0, 1, 511, 3, OK },
    { IN_EXTENDED, EXTENDED_WRITE, 1, 511, 3, OK },
    /* FUA is allowed everywhere, the others where they mean something. */
    { IN_ANY, 1, 0, 0, 512, OK },
    { IN_ANY, 1, 3, 0, 0, OK },
    { IN_ANY, 1, 4, 0, 512, OK },
    { IN_ANY, 1, 5, 0, 512, OK },
    { IN_ANY, 1, 6, 0, 512, OK },
    { IN_ANY, 1 << 1, 6, 0, 512, OK },
    { IN_ANY, 1 << 4, 6, 0, 512, OK },
    { IN_SIMPLE, 1 << 2, 0, 0, 512, INVALID },
    { IN_STRUCTURED | IN_EXTENDED, 1 << 2, 0, 0, 512, OK },
    { IN_ANY, 1 << 1, 4, 0, 512, INVALID },
    { IN_ANY, 1 << 2, 6, 0, 512, INVALID },
    { IN_ANY, 1 << 3, 0, 0, 512, INVALID },
    { IN_ANY, 1 << 4, 4, 0, 512, INVALID },
    { IN_ANY, 1 << 15, 3, 0, 0, INVALID },
    { IN_ANY, 1 << 2, 5, 0, 512, INVALID },
    /* What says that payload comes has it read, whether it is wanted or not. */
    { IN_COMPACT, 1 << 5, 0, 0, 512, INVALID },
    { IN_COMPACT, 1 << 5, 1, 0, 512, INVALID },
    { IN_EXTENDED, 0, 1, 0, 512, INVALID },
    { IN_EXTENDED, 1 << 5, 0, 0, 512, INVALID },
    { IN_EXTENDED, 1 << 5, 3, 0, 70000, INVALID },
    { IN_EXTENDED, 1 << 5, 77, 0, 70000, INVALID },
    { IN_EXTENDED, 1 << 5, 7, 0, 12, INVALID },
    /* Not known, not negotiated. */
    { IN_ANY, 0, 9, 0, 512, INVALID },
    { IN_ANY, 0, 65535, 0, 512, INVALID },
    { IN_ANY, 0, 7, 0, 512, INVALID },
    { IN_ANY, 0, 8, 2 * HUGE_SIZE, 0, PERMISSION },
    { IN_ANY, 0, 0, 0, 512, OK },
  };

  assert_answers (stage, "huge", cases, G_N_ELEMENTS (cases));
}

static void
test_answers (void)
{
  g_test_summary ("Each request has the answer that the document gives it, in all three forms");
  run_raw (HUGE, answers);
}

static void
read_only (Stage *stage)
{
  static const Case cases[] = {
    { IN_COMPACT, 0, 1, 0, 512, PERMISSION },
    { IN_EXTENDED, EXTENDED_WRITE, 1, 0, 512, PERMISSION },
    { IN_ANY, 0, 4, 0, 512, PERMISSION },
    { IN_ANY, 0, 6, 0, 512, PERMISSION },
    { IN_ANY, 0, 8, 2 * DISK_SIZE, 0, PERMISSION },
    { IN_ANY, 0, 3, 0, 0, OK },
    { IN_ANY, 0, 5, 0, 512, OK },
    { IN_ANY, 0, 0, 0, 512, OK },
  };

  assert_answers (stage, "fixed", cases, G_N_ELEMENTS (cases));
}

static void
test_read_only (void)
{
  g_test_summary ("A read-only export changes nothing, and says that it is not permitted to");
  run_raw (FIXED, read_only);
}

static void
giant_write (Stage *stage)
{
  for (Form form = SIMPLE; form <= EXTENDED; form++)
    {
      Asker asker = ask_for (stage, form, "huge", NULL);

      send_request (&asker, form == EXTENDED ? EXTENDED_WRITE : 0, 1, 0, (32u << 20) + 1);
      raw_assert_hung_up (asker.fd);
      asker = ask_for (stage, form, "huge", NULL);
      send_numbers (asker.fd, "48", 0x25609512ull, NUMBER (0));
      send_numbers (asker.fd, "8888", NUMBER (0), NUMBER (0), NUMBER (0), NUMBER (0));
      raw_assert_hung_up (asker.fd);
    }
  assert_alive (stage);
}

static void
test_giant_write (void)
{
  g_test_summary ("A payload larger than we say we take, or a wrong magic number, ends a session");
  run_raw (SCRATCH HUGE, giant_write);
}

/* -- What exports say they can. -- */

static void
transmission_flags (Stage *stage)
{
  const guint always = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 8 | 1 << 10;
  const guint writable = 1 << 5 | 1 << 6 | 1 << 11;
  Asker simple = ask_for (stage, SIMPLE, "scratch", NULL);
  Asker structured = ask_for (stage, STRUCTURED, "scratch", "scratch");
  Asker bare = ask_for (stage, EXTENDED, "scratch", NULL);
  Asker other = ask_for (stage, EXTENDED, "scratch", "fixed");
  Asker full = ask_for (stage, EXTENDED, "scratch", "scratch");
  Asker fixed = ask_for (stage, SIMPLE, "fixed", NULL);

  g_assert_cmphex (simple.flags, ==, always | writable);
  g_assert_cmphex (structured.flags, ==, always | writable | 1 << 7);
  g_assert_cmphex (bare.flags, ==, always | writable | 1 << 7);
  g_assert_cmphex (other.flags, ==, always | writable | 1 << 7);
  g_assert_cmphex (full.flags, ==, always | writable | 1 << 7 | 1 << 12);
  g_assert_cmphex (fixed.flags, ==, always | 1 << 1);

  g_assert_cmpuint (ask (&other, 0, 7, 0, 512), ==, INVALID);
  g_assert_cmpuint (ask (&structured, 0, 7, 0, 512), ==, OK);
  close (simple.fd);
  close (structured.fd);
  close (bare.fd);
  close (other.fd);
  close (full.fd);
  close (fixed.fd);
}

static void
test_transmission_flags (void)
{
  g_test_summary ("An export's flags follow from what it may, and from what was negotiated for it");
  run_raw (SCRATCH FIXED, transmission_flags);
}

/* -- Options. -- */

static void
large_options (Stage *stage)
{
  static const guint8 data[70000];
  static const struct
  {
    guint option;
    guint32 reply;
  } cases[] = { { 3, 0x80000009 }, { 12, 0x80000001 }, { 4711, 0x80000001 }, { 2, 1 } };
  int fd = raw_greet (stage);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SEND_OPTION_HEADER (fd, cases[i].option, sizeof data);
      raw_send (fd, data, sizeof data);
      g_assert_cmphex (receive_option_reply (fd, cases[i].option), ==, cases[i].reply);
    }
  raw_assert_hung_up (fd);
}

static void
test_large_options (void)
{
  g_test_summary (
      "However much data comes with it, ABORT ends, and what is unknown is unsupported");
  run_raw (SCRATCH, large_options);
}

static void
odd_options (Stage *stage)
{
  static const struct
  {
    guint option;
    const char *data;
    gsize length;
    guint32 reply;
  } cases[] = {
    { 5, "", 0, 0x80000001 },                               /* STARTTLS */
    { 4, "", 0, 0x80000001 },                               /* PEEK_EXPORT */
    { 9, "\0\0\0\0\0\0\0\0", 8, 0x80000003 },               /* too early */
    { 10, "\0\0\0\0\0\0\0\0", 8, 0x80000003 },              /* too early */
    { 8, "x", 1, 0x80000003 },                              /* with data */
    { 8, "", 0, 1 },                                        /* now it is time */
    { 8, "", 0, 1 },                                        /* and again */
    { 10, "\0\0\0\7scratch\0\0\0\0", 15, 1 },               /* none */
    { 10, "\0\0\0\7scratch\0\0\0\1\0\0\0\3x:y", 22, 1 },    /* not ours */
    { 10, "\0\0\0\7scratch\0\0\0\1\0\0\0\5base:", 24, 1 },  /* chooses nothing */
    { 10, "\0\0\0\7scratch\0\0\0\1\0\0\0\6base:x", 25, 1 }, /* not known */
    { 10, "\0\0\0\4none\0\0\0\0", 12, 0x80000006 },         /* no export */
    { 10, "\0\0\0\7scratch\0\0\0\1\0\0\0\77base:", 24, 0x80000003 } /* beyond the data */,
    { 10, "\0\0\0\7scratch\0\0\0\0x", 16, 0x80000003 },        /* behind it */
    { 10, "\0\0\0\7scratch\377\377\377\377", 15, 0x80000009 }, /* too many */
    { 9, "\0\0\0\7scratch\0\0\0\0", 15, 4 },                   /* all there are */
    { 9, "\0\0\0\7scratch\0\0\0\1\0\0\0\5base:", 24, 4 },      /* all of ours */
    { 9, "\0\0\0\7scratch\0\0\0\1\0\0\0\3x:y", 22, 1 },        /* none of ours */
    { 6, "\0\0\0\7scratch\0\0", 13, 3 },                       /* INFO */
    { 6, "\0\0\0\7scratch\0\1\0\77", 15, 3 },                  /* an unknown kind */
    { 6, "\0\0\0\7scratch\0\2\0\0", 15, 0x80000003 },          /* fewer than it says */
    { 6, "\0\0\0\77scratch\0\0", 13, 0x80000003 },             /* shorter than it says */
    { 7, "\0\0\0\10scr\0atch\0\0", 14, 0x80000003 },           /* a NUL */
    { 7, "\0\0\0\3s\377\376\0\0", 9, 0x80000006 },             /* not UTF-8 */
    { 7, "\0\0\0\0\0\0", 6, 0x80000006 },                      /* no default */
    { 11, "x", 1, 0x80000003 },                                /* with data */
    { 11, "", 0, 1 },                                          /* EXTENDED_HEADERS */
    { 8, "", 0, 0x8000000a },                                  /* takes precedence */
  };
  int fd = raw_greet (stage);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint32 reply;

      g_test_message ("case %zu: option %u", i, cases[i].option);
      SEND_OPTION_HEADER (fd, cases[i].option, cases[i].length);
      if (cases[i].length > 0)
        raw_send (fd, cases[i].data, cases[i].length);
      reply = receive_option_reply (fd, cases[i].option);
      g_assert_cmphex (reply, ==, cases[i].reply);
      if (reply == 3 || reply == 4)
        g_assert_cmphex (receive_option_reply (fd, cases[i].option), ==, 1);
    }

  /* MUST NOT be used with extended headers: there is no other way to say so. */
  SEND_OPTION_HEADER (fd, 1, 7);
  raw_send (fd, "scratch", 7);
  raw_assert_hung_up (fd);
}

static void
test_odd_options (void)
{
  g_test_summary ("Each option has the reply that the document gives it, and haggling goes on");
  run_raw (SCRATCH FIXED, odd_options);
}

static void
long_names (Stage *stage)
{
  g_autofree char *longest = g_strnfill (4096, 'n');
  g_autofree char *too_long = g_strnfill (4097, 'n');
  int fd = raw_greet (stage);

  send_option (fd, 6, longest, "\0\0", 2);
  g_assert_cmphex (receive_option_reply (fd, 6), ==, 0x80000006);
  send_option (fd, 6, too_long, "\0\0", 2);
  g_assert_cmphex (receive_option_reply (fd, 6), ==, 0x80000003);
  SEND_OPTION_HEADER (fd, 1, 4097);
  raw_send (fd, too_long, 4097);
  raw_assert_hung_up (fd);
}

static void
test_long_names (void)
{
  g_test_summary ("A name may be 4096 bytes long, and no longer");
  run_raw (SCRATCH, long_names);
}

static void
unknown_flags (Stage *stage)
{
  int fd = raw_connect (stage);
  guint8 greeting[18];

  raw_receive (fd, greeting, sizeof greeting);
  send_numbers (fd, "4", NUMBER (4));
  raw_assert_hung_up (fd);
  assert_alive (stage);
}

static void
test_unknown_flags (void)
{
  g_test_summary ("A client with a flag that we do not know is hung up on");
  run_raw (SCRATCH, unknown_flags);
}

static void
zeroes_in_greeting (Stage *stage)
{
  int fd = raw_connect (stage);
  guint8 greeting[18], answer[134];

  raw_receive (fd, greeting, sizeof greeting);
  send_numbers (fd, "4", NUMBER (1));
  SEND_OPTION_HEADER (fd, 1, 7);
  raw_send (fd, "scratch", 7);
  raw_receive (fd, answer, sizeof answer);
  for (guint i = 10; i < sizeof answer; i++)
    g_assert_cmphex (answer[i], ==, 0);
  SEND_REQUEST (fd, 3, 0, 0);
  g_assert_cmpuint (receive_simple (fd), ==, 0);
  close (fd);
}

static void
test_zeroes_in_greeting (void)
{
  g_test_summary ("Who does not ask to go without them gets 124 zeroes behind EXPORT_NAME");
  run_raw (SCRATCH, zeroes_in_greeting);
}

/* -- Block status. -- */

/* A hole whose length fits into 32 bits, but not into whole blocks that do, then data. */
static void
compact_status (Stage *stage)
{
  const guint64 data_at = 0x100010000;
  const guint64 start = data_at - 0xfffff800;
  Asker asker = ask_for (stage, STRUCTURED, "huge", "huge");
  guint64 at = start;
  guint32 state = 3;

  g_assert_cmpuint (ask (&asker, 0, 1, data_at, 4096), ==, OK);
  send_request (&asker, 0, 7, start, 0xffffffff);
  g_assert_cmphex (receive_number (asker.fd, 4), ==, 0x668e33ef);
  g_assert_cmphex (receive_number (asker.fd, 4), ==, 0x10005);
  g_assert_cmphex (receive_number (asker.fd, 8), ==, 0xc00c1e);
  for (guint left = (receive_number (asker.fd, 4) - 4) / 8, id = receive_number (asker.fd, 4);
       left > 0; left--)
    {
      g_assert_cmpuint (id, ==, 1);
      if (at >= data_at)
        break;
      at += receive_number (asker.fd, 4);
      state = receive_number (asker.fd, 4);
      g_assert_cmpuint (state, ==, 3);
    }
  g_assert_cmphex (at, ==, data_at);
  receive_number (asker.fd, 4);
  g_assert_cmpuint (receive_number (asker.fd, 4), ==, 0);
  close (asker.fd);
}

static void
test_compact_status (void)
{
  g_test_summary ("What lies behind an extent of almost 4 GiB is told of at its own place");
  run_raw (HUGE, compact_status);
}

static void
send_filter (const Asker *asker, guint flags, guint64 length, guint n_ids, guint32 id)
{
  send_request (asker, flags | 1 << 5, 7, 4096, 8 + 4 * n_ids);
  send_numbers (asker->fd, "8", length);
  for (guint i = 0; i < n_ids; i++)
    send_numbers (asker->fd, "4", NUMBER (id));
}

static void
filtered_status (Stage *stage)
{
  Asker asker = ask_for (stage, EXTENDED, "huge", "huge");

  send_filter (&asker, 0, HUGE_SIZE - 4096, 1, 1);
  g_assert_cmpuint (receive_extended (asker.fd, 6, 4096), ==, 8 + 16);
  g_assert_cmpuint (receive_number (asker.fd, 4), ==, 1);
  g_assert_cmpuint (receive_number (asker.fd, 4), ==, 1);
  g_assert_cmphex (receive_number (asker.fd, 8), ==, HUGE_SIZE - 4096);
  g_assert_cmphex (receive_number (asker.fd, 8), ==, 3);

  send_filter (&asker, 1 << 3, 512, 1, 1);
  g_assert_cmpuint (receive_verdict (&asker, 7, 4096, 0), ==, OK);
  send_filter (&asker, 0, 512, 1, 2);
  g_assert_cmpuint (receive_verdict (&asker, 7, 4096, 0), ==, INVALID);
  send_filter (&asker, 0, 512, 2, 1);
  g_assert_cmpuint (receive_verdict (&asker, 7, 4096, 0), ==, INVALID);
  send_filter (&asker, 0, 512, 0, 0);
  g_assert_cmpuint (receive_verdict (&asker, 7, 4096, 0), ==, INVALID);
  send_filter (&asker, 0, HUGE_SIZE, 1, 1);
  g_assert_cmpuint (receive_verdict (&asker, 7, 4096, 0), ==, INVALID);
  close (asker.fd);
}

static void
test_filtered_status (void)
{
  g_test_summary ("A payload of BLOCK_STATUS chooses among the contexts that were negotiated");
  run_raw (HUGE, filtered_status);
}

/* From 4096 on, so far, everything has this state. */
static void
assert_first_extent (const Asker *asker, guint64 length, guint64 state)
{
  send_filter (asker, 1 << 3, HUGE_SIZE - 4096, 1, 1);
  g_assert_cmpuint (receive_extended (asker->fd, 6, 4096), ==, 8 + 16);
  g_assert_cmpuint (receive_number (asker->fd, 4), ==, 1);
  g_assert_cmpuint (receive_number (asker->fd, 4), ==, 1);
  g_assert_cmphex (receive_number (asker->fd, 8), ==, length);
  g_assert_cmphex (receive_number (asker->fd, 8), ==, state);
}

static void
no_hole (Stage *stage)
{
  const guint64 length = G_GUINT64_CONSTANT (5) << 30;
  Asker asker = ask_for (stage, EXTENDED, "huge", "huge");

  g_assert_cmpuint (ask (&asker, 0, 6, 0, length), ==, OK);
  assert_first_extent (&asker, HUGE_SIZE - 4096, 3);
  g_assert_cmpuint (ask (&asker, 1 << 1, 6, 0, length), ==, OK);
  assert_first_extent (&asker, length - 4096, 2);
  g_assert_cmpuint (ask (&asker, 0, 6, 0, length), ==, OK);
  assert_first_extent (&asker, HUGE_SIZE - 4096, 3);
  close (asker.fd);
}

static void
test_no_hole (void)
{
  g_test_summary ("WRITE_ZEROES leaves a hole, or with NO_HOLE what is allocated and zero");
  run_raw (HUGE, no_hole);
}

/* -- How many clients. -- */

static void
send_goodbye (int fd)
{
  SEND_REQUEST (fd, 2, 0, 0);
  raw_assert_hung_up (fd);
}

static void
full_export (Stage *stage)
{
  guint64 size;
  guint flags;
  int first = raw_export (stage, "one", &size, &flags);
  int second = raw_greet (stage);
  int third = raw_greet (stage);

  send_option (second, 6, "one", "\0\0", 2);
  g_assert_cmphex (receive_option_reply (second, 6), ==, 3);
  g_assert_cmphex (receive_option_reply (second, 6), ==, 1);
  send_option (second, 7, "one", "\0\0", 2);
  g_assert_cmphex (receive_option_reply (second, 7), ==, 0x80000002);
  SEND_OPTION_HEADER (third, 1, 3);
  raw_send (third, "one", 3);
  raw_assert_hung_up (third);

  send_goodbye (first);
  send_option (second, 7, "one", "\0\0", 2);
  g_assert_cmphex (receive_option_reply (second, 7), ==, 3);
  g_assert_cmphex (receive_option_reply (second, 7), ==, 1);
  close (second);
  assert_alive (stage);
}

static void
test_full_export (void)
{
  g_test_summary ("An export with as many clients as it may have refuses others until one goes");
  run_raw (SCRATCH "  one: { node: disk1, max-connections: 1 }\n", full_export);
}

static int waiting_fd = -1, present_fd = -1;

static void
fill_server (Stage *stage)
{
  present_fd = raw_greet (stage);
  waiting_fd = raw_connect (stage);
}

static void
be_greeted (Stage *stage)
{
  g_assert_cmphex (receive_number (waiting_fd, 8), ==, 0x4e42444d41474943);
  close (waiting_fd);
  close (present_fd);
}

static void
set_property (const Stage *stage, const char *path, const char *property, const char *value)
{
  g_autoptr (GError) error = NULL;
  BanyanObject *object = banyan_object_resolve (BANYAN_OBJECT (stage->graph), path, &error);

  g_assert_no_error (error);
  banyan_object_set (object, property, value, &error);
  g_assert_no_error (error);
}

static void
test_full_server (void)
{
  g_autoptr (Stage) stage = stage_new (SCRATCH);
  guint n_connections;

  g_test_summary ("A client beyond max-connections is taken in when there are to be more");

  set_property (stage, "/frontends/nbd0", "max-connections", "1");
  run_raw_on (stage, fill_server);
  g_object_get (banyan_object_resolve (BANYAN_OBJECT (stage->graph), "/frontends/nbd0", NULL),
                "connections", &n_connections, NULL);
  g_assert_cmpuint (n_connections, ==, 1);
  set_property (stage, "/frontends/nbd0", "max-connections", "0");
  run_raw_on (stage, be_greeted);
}

static void
dawdle (Stage *stage)
{
  int fd = raw_greet (stage);

  raw_send (fd, "IHAVE", 5);
  raw_assert_hung_up (fd);
  assert_alive (stage);
}

static void
test_handshake_ends (void)
{
  g_autoptr (Stage) stage = stage_new (SCRATCH);

  g_test_summary ("A client that stops in the handshake is hung up on in time");

  set_property (stage, "/frontends/nbd0", "handshake-max-seconds", "1");
  run_raw_on (stage, dawdle);
}

/* -- Growing. -- */

static void
grow_far (Stage *stage)
{
  static const guint64 sizes[] = { G_MAXUINT64, G_MAXINT64, 1ull << 62 };
  Asker asker = ask_for (stage, EXTENDED, "scratch", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_assert_cmpuint (ask (&asker, 0, 8, sizes[i], 0), ==, NO_SPACE);
  g_assert_cmpuint (ask (&asker, 0, 8, DISK_SIZE, 0), ==, OK);
  g_assert_cmpuint (ask (&asker, 0, 8, DISK_SIZE - 1, 0), ==, PERMISSION);
  g_assert_cmpuint (ask (&asker, 0, 0, DISK_SIZE, 1), ==, INVALID);
  g_assert_cmpuint (ask (&asker, 0, 8, DISK_SIZE + 1, 0), ==, OK);
  g_assert_cmpuint (ask (&asker, 0, 0, DISK_SIZE, 1), ==, OK);
  close (asker.fd);
}

static void
test_grow_far (void)
{
  g_test_summary ("RESIZE to what no disk can be is out of space, and changes nothing");
  run_raw ("  scratch: { node: disk0, writable: true, resizable: true }\n", grow_far);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/nbd-protocol/requests/answers", test_answers);
  g_test_add_func ("/nbd-protocol/requests/read-only", test_read_only);
  g_test_add_func ("/nbd-protocol/requests/giant-write", test_giant_write);
  g_test_add_func ("/nbd-protocol/requests/grow-far", test_grow_far);
  g_test_add_func ("/nbd-protocol/handshake/transmission-flags", test_transmission_flags);
  g_test_add_func ("/nbd-protocol/handshake/large-options", test_large_options);
  g_test_add_func ("/nbd-protocol/handshake/odd-options", test_odd_options);
  g_test_add_func ("/nbd-protocol/handshake/long-names", test_long_names);
  g_test_add_func ("/nbd-protocol/handshake/unknown-flags", test_unknown_flags);
  g_test_add_func ("/nbd-protocol/handshake/zeroes", test_zeroes_in_greeting);
  g_test_add_func ("/nbd-protocol/handshake/in-time", test_handshake_ends);
  g_test_add_func ("/nbd-protocol/status/compact", test_compact_status);
  g_test_add_func ("/nbd-protocol/status/filtered", test_filtered_status);
  g_test_add_func ("/nbd-protocol/status/no-hole", test_no_hole);
  g_test_add_func ("/nbd-protocol/clients/full-export", test_full_export);
  g_test_add_func ("/nbd-protocol/clients/full-server", test_full_server);
  return g_test_run ();
}
