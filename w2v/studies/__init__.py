"""Many runs, paired, with intervals (Q4.3 and Q4.4)."""
