"""Tasks on AWS Batch: job definitions and jobs, made of plain data, and the requests that AWS is sent."""
