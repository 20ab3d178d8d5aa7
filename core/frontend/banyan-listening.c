/* banyan-listening.c - sockets that a frontend listens at, and leaves to the one that follows it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frontend that takes another's place is open before that one closes. Where both have the same
 * address, the new one gets duplicates of the sockets: nobody who calls meanwhile is refused, and
 * an address that was given as "any" stays the same. One that is to listen elsewhere does so before
 * it leaves where it was, so that two may swap theirs. */

#include "banyan-frontend-private.h"
#include "banyan-socket-address-private.h"

#include <banyan/banyan-frontend.h>

#include <errno.h>
#include <fcntl.h>

typedef struct
{
  BanyanFrontend *frontend;   /* (unowned): takes itself off when it closes */
  char *address;              /* (owned) */
  BanyanSocketAddress *maker; /* (owned): that bound the sockets, and knows what to remove */
  GArray *fds;                /* (owned) (element-type int): the frontend's */
} Listening;

static GMutex lock;
static GPtrArray *all; /* (element-type Listening): under @lock */

static void
listening_free (gpointer data)
{
  Listening *self = data;

  g_array_unref (self->fds);
  g_object_unref (self->maker);
  g_free (self->address);
  g_free (self);
}

static gboolean
duplicate (GArray *from, GArray *fds, GError **error)
{
  guint n = fds->len;

  for (guint i = 0; i < from->len; i++)
    {
      int fd = fcntl (g_array_index (from, int, i), F_DUPFD_CLOEXEC, 3);
      int number = errno;

      if (fd >= 0)
        {
          g_array_append_val (fds, fd);
          continue;
        }
      banyan_socket_close_from (fds, n);
      return banyan_throw_errno (error, number, "taking over a socket");
    }
  return TRUE;
}

/* Under the lock. */
static Listening *
find (const char *address)
{
  for (guint i = 0; all != NULL && i < all->len; i++)
    if (g_str_equal (((Listening *) all->pdata[i])->address, address))
      return all->pdata[i];
  return NULL;
}

/* What a change has just made is no place that anybody leaves: the first entry is the older. */
static gboolean
is_left_to (Listening *self, BanyanFrontend *follower)
{
  for (guint i = 0; all->pdata[i] != self; i++)
    if (((Listening *) all->pdata[i])->frontend == self->frontend)
      return FALSE;
  return self->frontend == follower || banyan_element_is_leaving (BANYAN_ELEMENT (self->frontend));
}

/* NULL: nobody leaves any there, or @error tells why not. (transfer full) */
static BanyanSocketAddress *
take_over (BanyanFrontend *self, const char *address, GArray *fds, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  Listening *other = find (address);

  if (other == NULL || !is_left_to (other, self) || !duplicate (other->fds, fds, error))
    return NULL;

  return g_object_ref (other->maker);
}

static void
enter (BanyanFrontend *self, const char *address, BanyanSocketAddress *maker, GArray *fds)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  Listening *listening = g_new0 (Listening, 1);

  listening->frontend = self;
  listening->address = g_strdup (address);
  listening->maker = g_object_ref (maker);
  listening->fds = g_array_ref (fds);
  if (all == NULL)
    all = g_ptr_array_new_with_free_func (listening_free);
  g_ptr_array_add (all, listening);
}

typedef struct
{
  BanyanSocketAddress *address;
  GArray *fds;
  GError *error;
} ListenJob;

static gssize
run_listen (gpointer data)
{
  ListenJob *job = data;

  return banyan_socket_address_listen (job->address, job->fds, &job->error);
}

/**
 * banyan_co_frontend_listen: (skip)
 * @self: a frontend that is being opened
 * @address: (nullable): where; %NULL for the sockets that systemd gave us
 * @fds: (element-type int): an array to which sockets are added
 * @error: where to put the error, or %NULL
 *
 * Listens at @address, with the sockets of a frontend whose place @self takes where that one has
 * the same address. To be ended by banyan_frontend_unlisten().
 *
 * Returns: whether it does
 */
gboolean
banyan_co_frontend_listen (BanyanFrontend *self, BanyanSocketAddress *address, GArray *fds,
                           GError **error)
{
  ListenJob job = { address, fds, NULL };
  g_autoptr (BanyanSocketAddress) maker = NULL;
  g_autofree char *name = NULL;

  if (address == NULL)
    return banyan_socket_activation_listen (fds, error);

  name = banyan_socket_address_to_string (address);
  maker = take_over (self, name, fds, &job.error);
  if (maker == NULL && job.error == NULL)
    banyan_co_offload (run_listen, &job);
  if (job.error != NULL)
    {
      g_propagate_error (error, job.error);
      return FALSE;
    }

  enter (self, name, maker != NULL ? maker : address, fds);
  return TRUE;
}

/* Who bound the sockets, where nobody listens at them any more. (transfer full) (nullable) */
static BanyanSocketAddress *
leave (GArray *fds)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  for (guint i = 0; all != NULL && i < all->len; i++)
    {
      Listening *listening = all->pdata[i];
      g_autoptr (BanyanSocketAddress) maker = NULL;
      g_autofree char *address = NULL;

      if (listening->fds != fds)
        continue;
      address = g_strdup (listening->address);
      maker = g_object_ref (listening->maker);
      g_ptr_array_remove_index (all, i);
      return find (address) == NULL ? g_steal_pointer (&maker) : NULL;
    }
  return NULL;
}

/**
 * banyan_frontend_unlisten: (skip)
 * @self: a frontend that closes
 * @fds: (element-type int): its sockets
 *
 * Closes the sockets. What the address left behind, such as a socket's file, goes with them unless
 * another frontend has taken them over.
 */
void
banyan_frontend_unlisten (BanyanFrontend *self, GArray *fds)
{
  g_autoptr (BanyanSocketAddress) maker = leave (fds);

  banyan_socket_close_from (fds, 0);
  if (maker != NULL)
    banyan_socket_address_forget (maker);
}

/* -- A change of address. -- */

gboolean
banyan_frontend_prepare (BanyanElement *element, BanyanChange *change, GError **error)
{
  g_autoptr (GArray) fds = NULL;
  const GValue *address;

  if (BANYAN_FRONTEND_GET_CLASS (element)->relisten == NULL
      || !banyan_change_touches (change, "listen"))
    return TRUE;

  address = banyan_proposal_get (banyan_change_get_proposal (change), "listen");
  fds = g_array_new (FALSE, FALSE, sizeof (int));
  if (!banyan_co_frontend_listen (BANYAN_FRONTEND (element), g_value_get_object (address), fds,
                                  error))
    return FALSE;

  banyan_change_set_data (change, g_steal_pointer (&fds), NULL);
  return TRUE;
}

void
banyan_frontend_abort (BanyanElement *element, BanyanChange *change)
{
  g_autoptr (GArray) fds = banyan_change_get_data (change);

  banyan_change_set_data (change, NULL, NULL);
  if (fds != NULL)
    banyan_frontend_unlisten (BANYAN_FRONTEND (element), fds);
}

void
banyan_frontend_finish (BanyanElement *element, BanyanChange *change)
{
  GArray *fds = banyan_change_get_data (change);

  banyan_change_set_data (change, NULL, NULL);
  if (fds != NULL)
    BANYAN_FRONTEND_GET_CLASS (element)->relisten (BANYAN_FRONTEND (element), fds);
}
