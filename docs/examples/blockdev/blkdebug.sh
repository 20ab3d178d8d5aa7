# Failures on any edge. The file of one disk fails below its format, when its last sector is written;
# the other disk fails above its format, once.
#   truncate -s 64M worn.img
exec banyan run \
    --blockdev driver=raw,node-name=worn,file.driver=blkdebug,file.image.driver=file,file.image.filename=worn.img,file.inject-error.0.event=write_aio,file.inject-error.0.iotype=write,file.inject-error.0.sector=131071,file.inject-error.0.errno=28 \
    --blockdev driver=blkdebug,node-name=unlucky,image.driver=raw,image.file.driver=memory,image.file.size=64M,inject-error.0.event=read_aio,inject-error.0.iotype=read,inject-error.0.sector=100000,inject-error.0.errno=5,inject-error.0.once=on \
    --nbd-server addr.type=unix,addr.path=blkdebug.sock \
    --export type=nbd,id=worn,node-name=worn \
    --export type=nbd,id=unlucky,node-name=unlucky,writable=on \
    "$@"
