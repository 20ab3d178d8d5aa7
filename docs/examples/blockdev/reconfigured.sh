# What a graph is after it was changed in use. reconfigured.qmp gets there step by step, with clients
# connected all the while; for a graph that runs already, banyan apply gets there in one.
#   truncate -s 64M old.img
#   truncate -s 64M new.img
exec banyan run \
    --object throttle-group,id=limits,limits.iops-total=500 \
    --blockdev driver=file,node-name=old,filename=old.img \
    --blockdev driver=file,node-name=new,filename=new.img \
    --blockdev driver=quorum,node-name=mirror,vote-threshold=1,read-pattern=fifo,children.0=new \
    --blockdev driver=throttle,node-name=limited,throttle-group=limits,file=mirror \
    --nbd-server addr.type=unix,addr.path=reconfigured.sock \
    --export type=nbd,id=disk,node-name=limited,name=disk,writable=on \
    "$@"
