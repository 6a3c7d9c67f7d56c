"""What every protocol stands on: processes, sockets, sysctl (BSD sys/kern)."""
