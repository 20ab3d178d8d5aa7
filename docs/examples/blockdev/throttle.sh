# Limits anywhere. Two disks share the limits of one group at the root; the file of one of them has
# limits of its own, below the format.
#   truncate -s 64M a.img
#   truncate -s 64M b.img
exec banyan run \
    --object throttle-group,id=machines,limits.iops-total=2000,limits.iops-total-max=10000 \
    --object throttle-group,id=old-disk,limits.bps-write=52428800 \
    --blockdev driver=throttle,node-name=a,throttle-group=machines,file.driver=raw,file.file.driver=file,file.file.filename=a.img \
    --blockdev driver=throttle,node-name=b,throttle-group=machines,file.driver=raw,file.file.driver=throttle,file.file.throttle-group=old-disk,file.file.file.driver=file,file.file.file.filename=b.img \
    --nbd-server addr.type=unix,addr.path=throttle.sock \
    --export type=nbd,id=a,node-name=a,writable=on \
    --export type=nbd,id=b,node-name=b,writable=on \
    "$@"
