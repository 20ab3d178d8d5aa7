/* banyan-vsock-address.c - a virtual machine's socket
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-socket-address-private.h"

#include <linux/vm_sockets.h>

G_DECLARE_FINAL_TYPE (BanyanVsockAddress, banyan_vsock_address, BANYAN, VSOCK_ADDRESS,
                      BanyanSocketAddress)

struct _BanyanVsockAddress
{
  BanyanSocketAddress parent_instance;

  char *cid;  /* (owned) */
  char *port; /* (owned) */
};

G_DEFINE_FINAL_TYPE (BanyanVsockAddress, banyan_vsock_address, BANYAN_TYPE_SOCKET_ADDRESS)

static char *
banyan_vsock_address_describe (BanyanSocketAddress *address)
{
  BanyanVsockAddress *self = BANYAN_VSOCK_ADDRESS (address);

  return g_strdup_printf ("vsock %s:%s", self->cid != NULL ? self->cid : "",
                          self->port != NULL ? self->port : "");
}

static gboolean
vsock_sockaddr (BanyanVsockAddress *self, struct sockaddr_vm *where, const char *name,
                GError **error)
{
  *where = (struct sockaddr_vm){ .svm_family = AF_VSOCK };
  if (banyan_socket_parse_number (self->cid, &where->svm_cid)
      && banyan_socket_parse_number (self->port, &where->svm_port))
    return TRUE;

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE,
               "%s: cid and port are numbers from 0 to 4294967295", name);
  return FALSE;
}

gboolean
banyan_vsock_address_find_peers (BanyanSocketAddress *address, GArray *peers, int *connected,
                                 GError **error)
{
  g_autofree char *name = banyan_vsock_address_describe (address);
  struct sockaddr_vm where;

  if (!vsock_sockaddr (BANYAN_VSOCK_ADDRESS (address), &where, name, error))
    return FALSE;
  banyan_socket_add_peer (peers, (struct sockaddr *) &where, sizeof where);
  return TRUE;
}

static gboolean
banyan_vsock_address_listen (BanyanSocketAddress *address, GArray *fds, GError **error)
{
  g_autofree char *name = banyan_vsock_address_describe (address);
  struct sockaddr_vm where;

  if (!vsock_sockaddr (BANYAN_VSOCK_ADDRESS (address), &where, name, error))
    return FALSE;
  return banyan_socket_listen_at ((struct sockaddr *) &where, sizeof where, name, fds, error);
}

static void
banyan_vsock_address_check (BanyanStruct *self, const BanyanOrigin *origin, const char *path,
                            BanyanProblems *problems)
{
  const BanyanVsockAddress *vsock = BANYAN_VSOCK_ADDRESS (self);

  banyan_socket_check_number ("cid", vsock->cid, G_MAXUINT32, origin, path, problems);
  banyan_socket_check_number ("port", vsock->port, G_MAXUINT32, origin, path, problems);
}

static void
banyan_vsock_address_class_init (BanyanVsockAddressClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanSocketAddressClass *address_class = BANYAN_SOCKET_ADDRESS_CLASS (klass);

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  address_class->listen = banyan_vsock_address_listen;
  address_class->describe = banyan_vsock_address_describe;
  BANYAN_STRUCT_CLASS (klass)->check = banyan_vsock_address_check;
  banyan_struct_class_set_name (BANYAN_STRUCT_CLASS (klass), "vsock");

  g_object_class_install_property (
      object_class, 1,
      banyan_param_required (
          banyan_param_string ("cid", "Context", "Number of the machine; 4294967295 stands for any",
                               NULL, G_STRUCT_OFFSET (BanyanVsockAddress, cid))));
  g_object_class_install_property (object_class, 2,
                                   banyan_param_required (banyan_param_string (
                                       "port", "Port", "Number of the port on that machine", NULL,
                                       G_STRUCT_OFFSET (BanyanVsockAddress, port))));
}

static void
banyan_vsock_address_init (BanyanVsockAddress *self)
{
}
