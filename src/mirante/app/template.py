"""The commented config that ``mirante init`` writes."""

from __future__ import annotations

__all__ = ["CONFIG_TEMPLATE"]

CONFIG_TEMPLATE = """\
# mirante.yaml: what to watch, whom to tell, where to show it.  Run it with: mirante up -c mirante.yaml
# Lengths of time have a unit: 90s, 5m, 1h, 1d.  Secrets come from the environment: env:NAME.

store: sqlite:///mirante.db       # one file; paths are relative to this one
# retention: {full: 2d, hourly: 30d, daily: 365d}    # old readings and windows become few, then go
locale: en                        # or pt_BR

mlflow:
  # tracking_uri: http://127.0.0.1:5000    # MLFLOW_TRACKING_URI when not given
  interval: 30s                   # readings go to MLflow's monitoring runs this often

host:
  interval: 60s                   # CPU, memory, disk, network, processes of this machine

models: []
#  - model: churn                 # name in MLflow's registry
#    alias: champion              # the version is found by its alias, its baseline beside it
#    log: inference-log           # folder that mirante.Recorder writes to
#    window: 1h                   # a divisor of a day, or whole days
#    timezone: UTC                # the clock that windows are cut on
#    lateness: 5m                 # a window waits this long for late rows
#    label_delay: 1d              # and this long for its labels
#    retention: 90d               # rows that are older go; without, they stay
#    privacy: {drop: [name], hash: [customer_id], key: env:HASH_KEY}    # what of them is recorded

tables: []
#  - table: orders                # a table without a model: its first 14 windows become its baseline
#    source: {parquet: orders, time: created_at}    # a folder; or a database: sql, table, cursor, time
#    window: 1d

alerts:
  # rules: rules.yaml             # added to the rules that come with Mirante
  channels:
    console: {type: console}
    # mail:
    #   type: email
    #   smtp_server: smtp.example.org:587
    #   smtp_user: mirante
    #   smtp_password: env:SMTP_PASSWORD
    #   sender: mirante@example.org
    #   recipients: [ops@example.org]
    # slack:
    #   type: slack
    #   webhook_url: env:SLACK_WEBHOOK_URL

web:
  host: 127.0.0.1                 # any other address needs a token
  port: 8765
  # token: env:MIRANTE_TOKEN

# result_tables: {folder: tables}  # what is known of windows, as Parquet
"""
