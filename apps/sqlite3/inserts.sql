create table t (a integer primary key, b text, c real);
create index t_b on t (b);
begin;
with recursive n(i) as (values (1) union all select i + 1 from n where i < 60000)
insert into t select i, 'row ' || (i * 7919 % 60000), i / 7.0 from n;
commit;
select count(*), sum(a), min(b), max(b), printf('%.6f', sum(c)) from t;
pragma integrity_check;
