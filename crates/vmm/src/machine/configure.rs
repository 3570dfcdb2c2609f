//! Commands that only have sense before the start: what the guest will have.

use std::{
    fs::File,
    sync::{Arc, atomic::AtomicU32},
};

use super::{Boot, Error, Machine, balloon_pages};
use crate::{
    api::model::{
        BalloonConfig, BootSource, CacheType, Drive, Folder, HugePages, LoggerConfig, MachineConfig,
        MachinePatch, MetricsConfig, NetworkInterface, NetworkPatch, Pmem, SerialConfig,
    },
    devices::virtio::{balloon, block, fs, net, pmem},
    kvm::Shape,
    logger,
};

/// Smallest memory in MiB.
const MEMORY_MIN_MIB: u64 = 8;
/// Most CPUs.
const VCPUS_MAX: u8 = 32;

impl Machine {
    pub(super) fn set_machine(&mut self, config: MachineConfig) -> Result<(), Error> {
        let threads = if config.smt { 2 } else { 1 };
        let count = config.vcpu_count;
        if !(1..=VCPUS_MAX).contains(&count) || (count > 1 && !count.is_multiple_of(threads)) {
            return Err(Error::VcpuCount);
        }
        let most = host_memory_mib();
        let odd = config.huge_pages == HugePages::TwoMiB && !config.mem_size_mib.is_multiple_of(2);
        if !(MEMORY_MIN_MIB..=most).contains(&config.mem_size_mib) || odd {
            return Err(Error::MemorySize(most));
        }
        self.config = config;
        self.config_changed = true;
        Ok(())
    }

    pub(super) fn patch_machine(&mut self, patch: &MachinePatch) -> Result<(), Error> {
        if *patch == MachinePatch::default() {
            return Err(Error::EmptyPatch);
        }
        let now = &self.config;
        self.set_machine(MachineConfig {
            vcpu_count: patch.vcpu_count.unwrap_or(now.vcpu_count),
            mem_size_mib: patch.mem_size_mib.unwrap_or(now.mem_size_mib),
            smt: patch.smt.unwrap_or(now.smt),
            cpu_template: patch.cpu_template.or(now.cpu_template),
            track_dirty_pages: patch.track_dirty_pages.unwrap_or(now.track_dirty_pages),
            huge_pages: patch.huge_pages.unwrap_or(now.huge_pages),
        })
    }

    /// The configuration as KVM needs it.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            memory_bytes: self.config.mem_size_mib << 20,
            vcpus: self.config.vcpu_count,
            smt: self.config.smt && self.config.vcpu_count > 1,
            huge_pages: self.config.huge_pages == HugePages::TwoMiB,
            track_dirty_pages: self.config.track_dirty_pages,
        }
    }

    pub(super) fn put_boot_source(&mut self, source: BootSource) -> Result<(), Error> {
        let path = &source.kernel_image_path;
        let kernel = File::open(path).map_err(|error| Error::KernelFile(path.clone(), error))?;
        let initrd = source
            .initrd_path
            .as_ref()
            .map(|path| File::open(path).map_err(|error| Error::InitrdFile(path.clone(), error)))
            .transpose()?;
        self.boot = Some(Boot {
            source,
            kernel,
            initrd,
        });
        Ok(())
    }

    pub(super) fn put_drive(&mut self, drive: Drive) -> Result<(), Error> {
        let others = self.drives.iter().map(|(other, _)| other);
        let mut others = others.filter(|other| other.drive_id != drive.drive_id);
        let has_root = others.any(|other| other.is_root_device) || self.root_pmem().is_some();
        if drive.is_root_device && has_root {
            return Err(Error::SecondRoot);
        }
        let options = block::Options {
            id: drive.drive_id.clone(),
            is_read_only: drive.is_read_only,
            flushes: drive.cache_type == CacheType::Writeback,
        };
        let backing = block::Backing::open(&drive.path_on_host, options).map_err(Error::Drive)?;
        self.drives.retain(|(other, _)| other.drive_id != drive.drive_id);
        // The root drive is the first device, `/dev/vda`.
        let index = if drive.is_root_device {
            0
        } else {
            self.drives.len()
        };
        self.drives.insert(index, (drive, backing));
        Ok(())
    }

    /// The file that a Linux guest has as its root, and its place among its like.
    pub(super) fn root_pmem(&self) -> Option<(usize, &Pmem)> {
        let pmems = self.pmems.iter().map(|(pmem, _)| pmem);
        pmems.enumerate().find(|(_, pmem)| pmem.root_device)
    }

    pub(super) fn put_pmem(&mut self, pmem: Pmem) -> Result<(), Error> {
        let has_root = self.drives.iter().any(|(drive, _)| drive.is_root_device)
            || self.root_pmem().is_some_and(|(_, other)| other.id != pmem.id);
        if pmem.root_device && has_root {
            return Err(Error::SecondRoot);
        }
        let backing = pmem::Backing::open(&pmem.path_on_host, pmem.read_only)?;
        match self.pmems.iter_mut().find(|(other, _)| other.id == pmem.id) {
            Some(known) => *known = (pmem, backing),
            None => self.pmems.push((pmem, backing)),
        }
        Ok(())
    }

    pub(super) fn put_folder(&mut self, folder: Folder) -> Result<(), Error> {
        let backing = fs::Backing::open(&folder.tag, &folder.path_on_host, folder.read_only)?;
        self.folders.retain(|(other, _)| other.tag != folder.tag);
        self.folders.push((folder, backing));
        Ok(())
    }

    pub(super) fn put_network(&mut self, network: NetworkInterface) -> Result<(), Error> {
        let others = self.networks.iter().map(|(other, _)| other);
        for other in others.filter(|other| other.iface_id != network.iface_id) {
            if let Some(mac) = network.guest_mac.filter(|mac| other.guest_mac == Some(*mac)) {
                return Err(Error::MacInUse(mac.into()));
            }
            if other.host_dev_name == network.host_dev_name {
                return Err(Error::TapInUse(network.host_dev_name));
            }
        }
        // The old one goes first: it may hold the very same tap.
        self.networks
            .retain(|(other, _)| other.iface_id != network.iface_id);
        let tap = net::Tap::open(&network.host_dev_name)?;
        let backing = net::Backing {
            tap: tap.into(),
            mac: network.guest_mac,
        };
        self.networks.push((network, backing));
        Ok(())
    }

    pub(super) fn patch_network(&self, patch: &NetworkPatch) -> Result<(), Error> {
        if self.running.is_none() {
            return Err(Error::NotStarted);
        }
        let mut ids = self.networks.iter().map(|(network, _)| &network.iface_id);
        if ids.any(|id| *id == patch.iface_id) {
            Ok(())
        } else {
            Err(Error::UnknownNetwork(patch.iface_id.clone()))
        }
    }

    pub(super) fn put_logger(&mut self, config: LoggerConfig) -> Result<(), Error> {
        logger::configure(&self.id, &config)
            .map_err(|error| Error::LogFile(config.log_path.clone().unwrap_or_default(), error))?;
        self.logger = Some(config);
        Ok(())
    }

    pub(super) fn put_metrics(&mut self, config: MetricsConfig) -> Result<(), Error> {
        if self.metrics.is_some() {
            return Err(Error::MetricsTwice);
        }
        let path = &config.metrics_path;
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| Error::MetricsFile(path.clone(), error))?;
        self.metrics = Some((config, file));
        Ok(())
    }

    pub(super) fn put_balloon(&mut self, config: BalloonConfig) -> Result<(), Error> {
        if config.stats_polling_interval_s != 0 || config.free_page_hinting {
            return Err(Error::BalloonFeature);
        }
        let pages = balloon_pages(config.amount_mib, self.config.mem_size_mib)?;
        let backing = balloon::Backing {
            pages: Arc::new(AtomicU32::new(pages)),
            deflate_on_oom: config.deflate_on_oom,
            reporting: config.free_page_reporting,
        };
        self.balloon = Some((config, backing));
        Ok(())
    }

    pub(super) fn put_serial(&mut self, config: SerialConfig) -> Result<(), Error> {
        let output = config
            .serial_out_path
            .clone()
            .map(|path| self.open_output(path))
            .transpose()?;
        self.serial = Some((config, output));
        Ok(())
    }
}

/// All memory of the host in MiB.
fn host_memory_mib() -> u64 {
    // SAFETY: sysconf has no memory arguments.
    let (pages, size) = unsafe {
        (
            libc::sysconf(libc::_SC_PHYS_PAGES),
            libc::sysconf(libc::_SC_PAGESIZE),
        )
    };
    (pages.max(0) as u64 * size.max(0) as u64) >> 20
}
