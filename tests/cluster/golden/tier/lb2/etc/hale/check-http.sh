# Written by hale-cluster render from cluster.yml. Edit that and render again.
# check-http.sh HOST PORT PATH: exit status 0 if a server on this node answers 200, as keepalived asks each second.
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$1" >&3 || exit 1
read -r -t 0.9 -u 3 _ status _ && [ "$status" = 200 ]
