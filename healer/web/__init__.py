"""The healer over HTTP: the webhook and reads for everybody, commands for root on a unix socket."""
