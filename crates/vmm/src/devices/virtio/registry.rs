//! The list of virtio devices: one row per kind. Slots are given in the order of rows, so the first drive is slot 0.

use super::{VirtioDevice, balloon, block, console, fs, net, pmem, rng};
use crate::{input::SharedInput, output::SharedOutput};

/// What the API has configured, opened and ready to become devices.
pub(crate) struct Resources {
    /// Drives, the root drive first.
    pub(crate) drives: Vec<block::Backing>,
    /// Files as memory.
    pub(crate) pmems: Vec<pmem::Backing>,
    /// Taps.
    pub(crate) networks: Vec<net::Backing>,
    /// Where the console's output goes.
    pub(crate) console: SharedOutput,
    /// Where its input comes from.
    pub(crate) input: SharedInput,
    /// The guest gets randomness.
    pub(crate) entropy: bool,
    /// Folders of the host's.
    pub(crate) folders: Vec<fs::Backing>,
    /// The guest can give memory back.
    pub(crate) balloon: Option<balloon::Backing>,
}

/// Devices to be put on the bus.
pub(crate) type Devices = Vec<Box<dyn VirtioDevice>>;

/// One kind of device.
pub(crate) struct Row {
    /// Its name, for logs.
    pub(crate) name: &'static str,
    /// Makes the devices of this kind.
    pub(crate) build: fn(&mut Resources) -> Devices,
}

/// All kinds, in the order of their slots.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "block",
        build: |resources| boxed(resources.drives.drain(..).map(block::Block::new)),
    },
    Row {
        name: "pmem",
        build: |resources| boxed(resources.pmems.drain(..).map(pmem::Pmem::new)),
    },
    Row {
        name: "net",
        build: |resources| boxed(resources.networks.drain(..).map(net::Net::new)),
    },
    Row {
        name: "console",
        build: |resources| {
            let (output, input) = (resources.console.clone(), resources.input.clone());
            boxed([console::Console::new(output, input)])
        },
    },
    Row {
        name: "rng",
        build: |resources| boxed(resources.entropy.then_some(rng::Rng)),
    },
    Row {
        name: "fs",
        build: |resources| boxed(resources.folders.drain(..).map(fs::Fs::new)),
    },
    Row {
        name: "balloon",
        build: |resources| boxed(resources.balloon.take().map(balloon::Balloon::new)),
    },
];

fn boxed<D: VirtioDevice + 'static>(devices: impl IntoIterator<Item = D>) -> Devices {
    devices
        .into_iter()
        .map(|device| Box::new(device) as Box<dyn VirtioDevice>)
        .collect()
}
