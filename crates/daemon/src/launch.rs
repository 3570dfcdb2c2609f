//! From a request to a running instance: check, take a microVM, tell it what to boot, start it.
//!
//! A launch runs as a task of its own that a shutdown waits for, so a caller that hangs up leaves nothing half-made. What
//! fails is taken down again, off the request's path.

mod files;
mod plan;
mod user;

use std::{path::PathBuf, sync::Arc, time::Instant};

use uigniter_abi::boot_args::{self, BootArgs, Interface, MountSource, RootFs};
use uigniter_api::{
    instance::{CreateRequest, Instance, State},
    mount::{Mount, Source},
};
use uigniter_firecracker_client::{Action, BootSource, CacheType, Drive, Folder, MachineConfig, Pmem};
use uigniter_image::Format;

use crate::{
    host::Host,
    images::{self, private_copy},
    instance::{Handle, Life, Record, now_ms, spawn},
    pool::dispose,
    publish,
    refusal::Refusal,
    state_dir::write_json,
    vm::{POOL_MACHINE, Vm, reclaim},
    volumes,
};
use files::RamDisk;
use plan::Plan;
pub(crate) use plan::from_first_api;

/// Creates an instance and starts it.
pub(crate) async fn launch(host: &Arc<Host>, request: CreateRequest) -> Result<Arc<Handle>, Refusal> {
    if host.stopping.is_cancelled() {
        return Err(Refusal::ShuttingDown);
    }
    let owned = Arc::clone(host);
    let task = host.work.spawn(async move {
        let started = Instant::now();
        let result = run(&owned, request).await;
        match &result {
            Ok(handle) => {
                owned.metrics.launched(started.elapsed());
                tracing::info!(id = handle.id, name = handle.name, took = ?started.elapsed(), "started");
            }
            Err(refusal) => {
                owned.metrics.launch_failures.inc();
                tracing::info!(%refusal, "not started");
            }
        }
        result
    });
    task.await.unwrap_or_else(|error| {
        Err(Refusal::Io {
            action: "launch the instance".into(),
            source: std::io::Error::other(error),
        })
    })
}

/// A name that is given back unless the launch succeeds.
struct Reservation<'a> {
    host: &'a Host,
    name: Option<String>,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.host.registry.release(name);
        }
    }
}

async fn run(host: &Arc<Host>, request: CreateRequest) -> Result<Arc<Handle>, Refusal> {
    // Off the async threads: it may read a whole disk.
    let plan = images::with(host, move |host| Plan::check(host, request)).await?;
    let _launch = host.pool.launch();
    // A name that is taken is refused before a microVM is used up for it; the id is not known yet.
    let mut reservation = Reservation { host, name: None };
    if let Some(name) = &plan.request.name {
        host.registry.reserve(name, "(being launched)")?;
        reservation.name = Some(name.clone());
    }
    let volumes = volumes::hold(
        host,
        &plan.request.volumes,
        reservation.name.as_deref().unwrap_or("(being launched)"),
    );
    let volumes = volumes.await?;
    let vm = host.pool.take(host).await?;
    match start(host, &vm, &plan).await {
        Ok(instance) => {
            let handle = adopt(host, vm, instance)?;
            // From here on the instance has its volumes.
            drop(volumes);
            // From here on the registry has it with its instance.
            reservation.name = None;
            Ok(handle)
        }
        Err(refusal) => {
            // Its monitor may have the volumes open until it is gone.
            let owned = Arc::clone(host);
            host.work.spawn(async move {
                reclaim(&owned, vm).await;
                drop(volumes);
            });
            Err(refusal)
        }
    }
}

fn adopt(host: &Arc<Host>, vm: Vm, instance: Instance) -> Result<Arc<Handle>, Refusal> {
    let console = match host.consoles.watch(vm.dir.console()) {
        Ok(console) => console,
        Err(source) => {
            dispose(host, vm);
            return Err(Refusal::Io {
                action: "watch the console".into(),
                source,
            });
        }
    };
    let Vm {
        dir, process, client, ..
    } = vm;
    Ok(spawn(
        host,
        Life {
            instance,
            dir,
            console,
            process: Some(process),
            client,
        },
    ))
}

/// Tells the microVM what to boot, and starts it.
async fn start(host: &Arc<Host>, vm: &Vm, plan: &Plan) -> Result<Instance, Refusal> {
    let mut instance = describe(host, vm, plan);
    let record = |instance: &Instance| {
        let record = Record {
            instance: instance.clone(),
            process: Some(vm.process.id()),
        };
        write_json(&vm.dir.state(), &record).map_err(Refusal::io("write the instance's state"))
    };
    record(&instance)?;
    host.network.set_name(&vm.id, &instance.name)?;
    for mapping in &plan.machine.publish {
        let taken = host
            .network
            .publish(&vm.id, publish::to_network(mapping), vm.attachment.address)
            .await?;
        instance.publish.push(publish::from_network(&taken, mapping));
    }
    configure(host, vm, plan, &instance).await?;
    vm.client.action(Action::InstanceStart).await?;
    instance.state = State::Running;
    instance.started_at_ms = Some(now_ms());
    record(&instance)?;
    Ok(instance)
}

async fn configure(host: &Arc<Host>, vm: &Vm, plan: &Plan, instance: &Instance) -> Result<(), Refusal> {
    let machine = MachineConfig::new(instance.cpus, u64::from(instance.memory_mib));
    if machine != POOL_MACHINE {
        vm.client.put_machine_config(&machine).await?;
    }
    if instance.read_only && plan.image.format().is_some() && vm.features.image_as_memory {
        // As memory: the guest reads the host's page cache, which all instances of the image share.
        vm.client
            .put_pmem(&Pmem::new("rootfs", &plan.image.path, true))
            .await?;
    } else {
        let disk = disk_of(vm, plan, instance).await?;
        vm.client
            .put_drive(&Drive::new("rootfs", &disk, instance.read_only))
            .await?;
    }
    // After the image: the first disk is the root.
    for (index, mount) in instance.volumes.iter().enumerate() {
        attach(host, vm, &device_of(index), mount).await?;
    }
    let line = boot_args(vm, plan, instance).to_string();
    let mut source = BootSource::new(host.kernel.path(), line);
    source.initrd_path = plan.ram_disk.as_ref().map(RamDisk::path);
    vm.client.put_boot_source(&source).await?;
    Ok(())
}

/// Gives the microVM the device behind a mount.
async fn attach(host: &Host, vm: &Vm, device: &str, mount: &Mount) -> Result<(), Refusal> {
    match mount.source() {
        Source::Volume(name) => {
            let mut drive = Drive::new(device, host.volumes.disk(name), mount.read_only);
            // What the guest flushes is to be on the host's disk.
            drive.cache_type = Some(CacheType::Writeback);
            vm.client.put_drive(&drive).await?;
        }
        Source::Folder(path) => {
            let folder = Folder {
                tag: device.to_owned(),
                path_on_host: path.into(),
                read_only: mount.read_only,
            };
            vm.client.put_folder(&folder).await?;
        }
    }
    Ok(())
}

/// Id of the drive behind a volume, or tag of a folder, by which the guest finds it.
fn device_of(index: usize) -> String {
    format!("mount{index}")
}

/// The file behind the instance's drive: the image, or a copy of the instance's own.
async fn disk_of(vm: &Vm, plan: &Plan, instance: &Instance) -> Result<PathBuf, Refusal> {
    if instance.read_only {
        return Ok(plan.image.path.clone());
    }
    let (from, to) = (plan.image.path.clone(), vm.dir.disk());
    let target = to.clone();
    tokio::task::spawn_blocking(move || private_copy(&from, &target))
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(Refusal::io("copy the image for the instance"))?;
    Ok(to)
}

fn boot_args(vm: &Vm, plan: &Plan, instance: &Instance) -> BootArgs {
    let attachment = &vm.attachment;
    BootArgs {
        interfaces: vec![Interface {
            name: "eth0".into(),
            address: attachment.address,
            prefix_len: attachment.prefix_len,
        }],
        default_gateway: Some(attachment.gateway),
        nameservers: instance.dns.clone(),
        search: instance.dns_search.clone(),
        hosts: instance
            .hosts
            .iter()
            .map(|host| (host.name.clone(), host.address))
            .collect(),
        hostname: Some(instance.hostname.clone()),
        user: plan.user.as_ref().map(|(_, user)| user.clone()),
        env: plan.env.clone(),
        rootfs: plan.image.format().map(|format| match format {
            Format::Erofs => RootFs::Erofs,
            Format::Rofs => RootFs::Rofs,
        }),
        mounts: instance
            .volumes
            .iter()
            .enumerate()
            .map(|(index, mount)| boot_args::Mount {
                source: match mount.source() {
                    // A monitor that names disks by their place shares no folders: all of these are disks.
                    Source::Volume(_) => MountSource::Block(vm.features.name_of(device_of(index), index + 1)),
                    Source::Folder(_) => MountSource::VirtioFs(device_of(index)),
                },
                target: mount.target.clone(),
                read_only: mount.read_only,
            })
            .collect(),
        cwd: plan.cwd.clone(),
        verbose: plan.verbose,
        interactive: plan.interactive,
        command: plan.command.clone(),
        ..BootArgs::default()
    }
}

fn describe(host: &Host, vm: &Vm, plan: &Plan) -> Instance {
    let request = &plan.request;
    let name = request.name.clone().unwrap_or_else(|| vm.id.clone());
    let dns = match request.dns.as_slice() {
        [] => vec![vm.attachment.nameserver.into()],
        given => given.to_vec(),
    };
    Instance {
        id: vm.id.clone(),
        vmm: host.config.monitor.name().to_owned(),
        hostname: request.hostname.clone().unwrap_or_else(|| name.clone()),
        name,
        dns,
        dns_search: request.dns_search.clone(),
        hosts: request.hosts.clone(),
        timezone: request.timezone.clone(),
        user: plan.user.as_ref().map(|(specification, _)| specification.clone()),
        files: plan.files.clone(),
        secrets: request.secrets.iter().map(|secret| secret.name.clone()).collect(),
        image: plan.image.image.name.clone(),
        image_digest: plan.image.image.digest.clone(),
        state: State::Starting,
        created_at_ms: plan.created_at_ms,
        started_at_ms: None,
        ended_at_ms: None,
        ip_address: Some(vm.attachment.address),
        mac: Some(vm.attachment.mac.to_string()),
        command: plan.command.clone(),
        env: plan.env.iter().cloned().collect(),
        memory_mib: plan.machine.memory_mib,
        cpus: plan.machine.cpus,
        publish: Vec::new(),
        volumes: request.volumes.clone(),
        read_only: request.read_only,
        labels: request.labels.clone(),
        interactive: plan.interactive,
        auto_remove: request.auto_remove,
        pid: Some(vm.process.id().pid),
        exit: None,
    }
}
