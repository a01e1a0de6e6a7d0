/**
 * The configurations of the proxies that Spillway is compared with: one worker or thread,
 * keep-alive on both sides, a line of log for each request, nothing buffered that must not
 * wait, limits out of the way. Pure.
 */

export interface ProxyConfig {
  readonly port: number
  readonly upstreamPort: number
  readonly directory: string
  readonly isRoot: boolean
}

export const nginxConfig = ({ port, upstreamPort, directory, isRoot }: ProxyConfig): string => `
daemon off;
worker_processes 1;
${isRoot ? 'user root;' : ''}
pid ${directory}/nginx.pid;
error_log ${directory}/error.log warn;
events { worker_connections 8192; }
http {
  access_log ${directory}/access.log combined;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  client_max_body_size 0;
  keepalive_timeout 300s;
  keepalive_requests 100000000;
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 100000000;
    keepalive_timeout 300s;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
`

export const haproxyConfig = ({ port, upstreamPort }: ProxyConfig): string => `
global
  nbthread 1
  maxconn 8192
  log stdout format raw local0 info
defaults
  mode http
  log global
  option httplog
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 5m
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  default_backend provider
backend provider
  server simulated 127.0.0.1:${upstreamPort}
`
