# A child is declared where it is used, as deep as need be, or by itself and named by all who use
# it: two windows side by side lie in one image, and one of them is slow below its format.
#   truncate -s 96M parts.img
exec banyan run \
    --blockdev driver=file,node-name=image,filename=parts.img,cache.no-flush=on \
    --blockdev driver=raw,node-name=system,size=64M,file=image \
    --blockdev driver=raw,node-name=data,offset=64M,size=32M,file.driver=delay,file.write-delay=2ms,file.file=image \
    --nbd-server addr.type=unix,addr.path=children.sock \
    --export type=nbd,id=system,node-name=system,writable=on \
    --export type=nbd,id=data,node-name=data,writable=on \
    "$@"
