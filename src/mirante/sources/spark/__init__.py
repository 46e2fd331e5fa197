"""Tables on Spark: workers count their parts at a baseline's edges, and the parts are added up."""
