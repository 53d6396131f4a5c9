"""The job table: submit, claim, advance, suspend, hold, finish, operate, recover.

`store` is the connection, `table` what the service does with the whole of it, `running`
one claimed job, `remotes` their associations, `operate` what a person does to a job, and
`look` what is read. All of it is SQLAlchemy Core on the tables of `schema`.
"""
