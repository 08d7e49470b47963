/**
 * What every session sets first.
 *
 * The server notices within half a minute that nobody is at the other end any more, where systems leave it at two hours: so long
 * it would keep what the lost session holds, locks and a transaction. (Without effect on Unix sockets.)
 *
 * Nothing ends a statement but we ourselves: to a commit that waits for a standby a limit of the server does worse than end it,
 * it makes it pass for done, though no standby has it.
 */
export const SESSION_SETTINGS = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
  SET tcp_user_timeout = 25000; SET statement_timeout = 0; SET lock_timeout = 0`;
