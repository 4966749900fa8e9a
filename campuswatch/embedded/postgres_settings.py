"""The configuration files of the embedded PostgreSQL, written anew at every start."""

from __future__ import annotations

from collections.abc import Mapping

#: Operators' own additions, next to our file; never touched by us.
LOCAL_FILE = "local.conf"

_SETTINGS: dict[str, str] = {
    # Reachable through the socket alone.
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    # Small: a district's hot rows are some 20,000 devices.
    "shared_buffers": "64MB",
    "effective_cache_size": "512MB",
    "maintenance_work_mem": "64MB",
    "huge_pages": "off",
    # As the interlock of the data directory, so nothing more is asked of a container (/dev/shm is often closed there).
    "dynamic_shared_memory_type": "sysv",
    "jit": "off",
    "io_method": "sync",  # the default starts three more processes
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    # What is committed is on the disk: a message is acknowledged to the broker after the commit.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # No standby reads this log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "80MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "10min",
    # Observations are only ever inserted, device states are updated all the time: vacuum both early and in small bits.
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "30s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_insert_threshold": "50000",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    # One file for each day of the week, overwritten a week later.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_file_mode": "0600",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
    "log_min_duration_statement": "2s",
    "cluster_name": "campuswatch",
}


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def server_conf(*, socket_dir: str, log_dir: str, more: Mapping[str, str], with_local_file: bool) -> str:
    """postgresql.conf. ``more`` wins over our settings, `LOCAL_FILE` over both."""
    settings = {**_SETTINGS, "unix_socket_directories": socket_dir, "log_directory": log_dir, **more}
    lines = [f"{name} = {quoted(value)}" for name, value in settings.items()]
    return "\n".join(
        [
            f"# Written by campuswatch at every start; put your own settings into {LOCAL_FILE}.",
            *lines,
            f"include = {quoted(LOCAL_FILE)}" if with_local_file else "",
            "",
        ]
    )


def hba_conf() -> str:
    """pg_hba.conf: the kernel says who is at the other end of the socket, so there is no password to leak."""
    return "# Written by campuswatch at every start.\nlocal all campuswatch peer map=campuswatch\n"


def ident_conf(user: str) -> str:
    """pg_ident.conf: the one operating-system user that may come in, the one that started the server.

    The account that a server started by root runs under is not let in: other services may share that account.
    """
    name = user.replace('"', '""')
    return f'# Written by campuswatch at every start.\ncampuswatch "{name}" campuswatch\n'
