/* qmp-command-list.h - every command: its name with dashes, what registers its class, a summary
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * QMP_COMMAND is defined by who includes this. */

/* The connection and the program (commands-session.c). */
QMP_COMMAND ("qmp-capabilities", qmp_capabilities_register_type,
             "Agree on the protocol's abilities; the first command of a connection")
QMP_COMMAND ("query-version", query_version_register_type, "Tell which version this is")
QMP_COMMAND ("query-commands", query_commands_register_type, "List the commands")
QMP_COMMAND ("quit", quit_register_type, "End the program: drain, flush and close everything")

/* Nodes (commands-node.c). */
QMP_COMMAND ("blockdev-add", blockdev_add_register_type, "Make a node and open it")
QMP_COMMAND ("blockdev-del", blockdev_del_register_type, "Close a node that nobody uses")
