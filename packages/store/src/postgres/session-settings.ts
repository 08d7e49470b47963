/**
 * What every session sets first.
 *
 * The server notices within half a minute that nobody is at the other end any more, where systems leave it at two hours: so long
 * it would keep what the lost session holds, locks and a transaction. (Without effect on Unix sockets.)
 *
 * While it works on a statement, or waits for a lock, it listens to nobody: it looks every second whether the connection that
 * asked for it is still open. What we gave up would else go on, one connection more with each attempt, until the server takes
 * none any more. (Not where the server's system cannot tell.)
 *
 * Nothing ends a statement or a transaction but we ourselves, whatever limits role or database have: to a commit that waits for
 * a standby a limit of the server does worse than end it, it makes it pass for done, though no standby has it; and a backup takes
 * as long as its reader. (PostgreSQL before 17 has no transaction_timeout.)
 */
export const SESSION_SETTINGS = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
  SET tcp_user_timeout = 25000; SET statement_timeout = 0; SET lock_timeout = 0;
  SET idle_in_transaction_session_timeout = 0;
  DO 'BEGIN SET transaction_timeout = 0; EXCEPTION WHEN undefined_object THEN NULL; END';
  DO 'BEGIN SET client_connection_check_interval = 1000; EXCEPTION WHEN invalid_parameter_value THEN NULL; END'`;
